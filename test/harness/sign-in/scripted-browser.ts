/** The browser of a person who consents: it opens the page that a client names, sends its form, and says where that leads. */
import { localhostFetch } from './localhost-fetch.ts'

/** Where the browser is sent with the client's code. */
export async function consent(authorizeUrl: string | URL, accessCode: string): Promise<URL> {
  const page = await localhostFetch(authorizeUrl)
  const html = await page.text()
  const [, sealed] = /name="request" value="([^"]*)"/.exec(html) ?? []
  const [, action] = /action="([^"]*)"/.exec(html) ?? []
  if (page.status !== 200 || sealed === undefined || action === undefined) throw new Error(`no consent page: ${page.status} ${html}`)
  const { origin } = new URL(authorizeUrl)
  const decided = await localhostFetch(new URL(action, origin), {
    method: 'POST',
    headers: { cookie: page.headers.get('set-cookie')?.split(';')[0] ?? '', origin, 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ request: sealed, code: accessCode, decision: 'allow' }),
  })
  const location = decided.headers.get('location')
  if (decided.status !== 303 || location === null) throw new Error(`not let in: ${decided.status} ${await decided.text()}`)
  return new URL(location)
}
