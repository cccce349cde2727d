/**
 * Signing in as a way into a web app on its own host: a browser that shows nothing is sent to the sign-in of the share, whose people come back
 * with a cookie. Only a page that was asked for by itself leads there; what began in another browser ends nowhere.
 */
import { beginEntry, endedEntry, readPass } from '../access/app/app-entry.ts'
import { appSessionHolder, mintAppSession, personHolder } from '../access/app/app-session.ts'
import { APP_SIGN_IN_PATH } from '../access/origin.ts'
import { ownHostBase } from '../access/share-site.ts'
import { SparingAnswers } from '../access/sparing-answers.ts'
import { settingsOf } from '../env.ts'
import { KNOWN_OPEN_MS } from '../trust-limits.ts'
import { WEB_COOKIE_RENEW_S, WEB_COOKIE_S } from '../web-limits.ts'
import { APP_COOKIE } from './app-request.ts'
import { webProblem } from './web-problem.ts'
import { clientOf, refusedByShare, type WebContext } from './web-visitor.ts'

const SECOND_MS = 1000

/** A page of a share's app, on the app's own host. */
export interface AppPage {
  readonly share: string
  /** Origin under which the browser sees the app. */
  readonly origin: string
  /** Path and query. */
  readonly target: string
  /** As `clientAddress` says. */
  readonly address: string | undefined
}

/** By share: whether anybody may sign in there. */
const inhabited = new SparingAnswers<boolean>(KNOWN_OPEN_MS)

/** Sends a browser to the sign-in; undefined where it has not asked for a page, or nobody may sign in. */
export async function beginSignIn(c: WebContext, { share, origin, target }: AppPage): Promise<Response | undefined> {
  const base = isPageVisit(c.req.raw) ? ownHostBase(c.req.raw, settingsOf(c.env), share) : undefined
  if (base === undefined || !(await hasPeople(c, share))) return undefined
  const { sealed, cookie } = await beginEntry(c.var.relay.keys.signIn, share, { origin, to: target })
  return seeOther(`${base}${APP_SIGN_IN_PATH}?request=${sealed}`, [cookie])
}

/** Takes in a browser that comes back from there, with what the sign-in has sealed. */
export async function finishSignIn(c: WebContext, { share, origin, address }: AppPage, sealed: string): Promise<Response> {
  const { raw } = c.req
  const { keys } = c.var.relay
  const pass = await readPass(keys.signIn, share, { sealed, origin, cookies: raw.headers.get('cookie') })
  if (pass === undefined) return webProblem(raw, 'APP_SIGN_IN_LOST')
  const refused = await refusedByShare(raw, clientOf(c, share, personHolder(pass.link, Infinity), address))
  if (refused !== undefined) return refused
  return seeOther(origin + pass.to, [await sessionCookie(c, { share, origin }, pass.link), endedEntry(pass.flow)])
}

/** The cookie with which a session goes on, for the answer to a page of whoever comes with one that is a while old. */
export async function renewedSession(c: WebContext, { share, origin }: AppPage, token: string): Promise<string | undefined> {
  if (!isPageVisit(c.req.raw)) return undefined
  const holder = await appSessionHolder(c.var.relay.keys, { share, origin }, token)
  if (holder === undefined || holder.expiresAtMs - Date.now() > (WEB_COOKIE_S - WEB_COOKIE_RENEW_S) * SECOND_MS) return undefined
  return sessionCookie(c, { share, origin }, holder.chain[0])
}

async function sessionCookie(c: WebContext, place: Pick<AppPage, 'share' | 'origin'>, link: string): Promise<string> {
  const token = await mintAppSession(c.var.relay.keys, place, link, Date.now() + WEB_COOKIE_S * SECOND_MS)
  return `${APP_COOKIE}=${token}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${WEB_COOKIE_S}`
}

/** Whether a browser has asked for a page in a window of its own (Fetch Metadata), or a program for HTML. */
function isPageVisit({ method, headers }: Request): boolean {
  if (method !== 'GET' || !/\btext\/html\b/.test(headers.get('accept') ?? '')) return false
  const [mode, dest] = [headers.get('sec-fetch-mode'), headers.get('sec-fetch-dest')]
  return (mode === null || mode === 'navigate') && (dest === null || dest === 'document')
}

async function hasPeople(c: WebContext, share: string): Promise<boolean> {
  try {
    const told = await inhabited.of(share, async () => {
      const people = await c.env.REGISTRY.getByName('registry').people(share)
      return people.some(({ isRevoked, expiresAtMs }) => !isRevoked && expiresAtMs > Date.now())
    })
    return told?.answer === true
  } catch {
    // As without it.
    return false
  }
}

function seeOther(location: string, cookies: readonly string[]): Response {
  return new Response(null, {
    status: 303,
    headers: [
      ['location', location],
      ['cache-control', 'no-store'],
      ['referrer-policy', 'no-referrer'],
      ...cookies.map((cookie): [string, string] => ['set-cookie', cookie]),
    ],
  })
}
