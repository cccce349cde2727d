/** The plainest app, in a real browser: signing in as a person who was invited, and a stream of events that goes on for minutes. */
import { asObject, textField } from '../harness/json.ts'
import { LocalApp } from '../harness/local-app.ts'
import { createShare, type Relay, type Share, startAgent } from '../harness/selfhost.ts'
import type { Proof } from '../interop/proof.ts'
import { Browser, needsBrowser } from './browser.ts'

async function withPlainApp(
  relay: Relay,
  prove: (shared: { share: Share; app: LocalApp; browser: Browser }) => Promise<void>,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const app = stack.use(await LocalApp.start())
  const share = await createShare(relay)
  stack.use(await startAgent(share, { args: ['--http', app.origin] }))
  await prove({ share, app, browser: stack.use(await Browser.start()) })
}

async function signIn(relay: Relay): Promise<void> {
  await withPlainApp(relay, async ({ share, browser }) => {
    const invited = asObject(await (await relay.api('POST', `shares/${share.id}/people`, { name: 'Ann' })).json())
    const { port } = new URL(relay.origin)
    const origin = `http://${share.id}-app.localhost:${port}`
    await browser.open(`${origin}/a/page?x=1`)
    await browser.until(`location.host === '${share.id}.localhost:${port}' && document.querySelector('input[name=code]')`, 'the sign-in')
    await browser.evaluate(`document.querySelector('input[name=code]').value = ${JSON.stringify(textField(invited, 'code'))}`)
    await browser.evaluate(`document.querySelector('button[value=allow]').click()`)
    await browser.until(`document.body?.innerText.includes('GET /a/page?x=1')`, 'the page that was asked for')
    // The app sets its cookie for the page's folder, and for that of the icon, which the browser fetches when it likes.
    const seen = await browser.evaluate('JSON.stringify([location.href, ...new Set(document.cookie.split("; "))])')
    if (seen !== JSON.stringify([`${origin}/a/page?x=1`, 'app=1'])) throw new Error(`the page is at, and sees: ${String(seen)}`)
  })
}

/** An event a second, as long as that. */
const EVENTS = 600
const SECOND_MS = 1000

async function events(relay: Relay): Promise<void> {
  await withPlainApp(relay, async ({ share, app, browser }) => {
    const made = await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })
    await browser.open(textField(asObject(await made.json()), 'web_url'))
    await browser.until(`document.body?.innerText.includes('GET /')`, 'the page')
    await browser.evaluate(`(window.heard = [], window.errors = 0, window.source = new EventSource('/events'),
      source.onmessage = ({ data }) => heard.push(data), source.onerror = () => errors++, 0)`)
    await browser.until(`heard.length > 0`, 'the first event')
    const stream = app.polls.at(-1)
    for (let at = 0; at < EVENTS; at++) {
      stream?.write(`data: ${at}\n\n`)
      await new Promise((resolve) => setTimeout(resolve, SECOND_MS))
    }
    const expected = JSON.stringify(['first', ...Array.from({ length: EVENTS }, (_, at) => String(at))])
    await browser.until(`heard.length === ${EVENTS + 1}`, 'all events')
    if ((await browser.evaluate('JSON.stringify(heard)')) !== expected) throw new Error('events are missing, or came twice')
    if ((await browser.evaluate('errors')) !== 0 || app.polls.length !== 1) throw new Error('the stream was opened anew')
  })
}

export const plainAppProofs: readonly Proof[] = [
  { name: 'a browser without a link signs in with an access code', needs: needsBrowser, run: signIn },
]

/** Those that take minutes of waiting. */
export const longProofs: readonly Proof[] = [
  { name: 'a stream of events goes on for ten minutes, without a gap and in one piece', needs: needsBrowser, run: events },
]
