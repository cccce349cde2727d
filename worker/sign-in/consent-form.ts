/** The form of a consent page, as far as it is the same whatever was asked for: whether it is ours, what was decided, and what an access code proves. */
import { readAccessCode } from '../access/access-code.ts'
import { countTry } from '../access/wrong-tries.ts'
import { SparingAnswers } from '../access/sparing-answers.ts'
import type { Approval } from '../contract/registry/sign-in-rpc.ts'
import { readCapped } from '../read-capped.ts'
import { faultPage } from './consent-page.ts'
import { type ConsentPurpose, endedCookie, readConsent } from './consent-request.ts'
import { KNOWN_END_MS, MAX_CONSENT_BYTES } from './limits.ts'
import type { SignInVisit } from './visit.ts'

export const START_AGAIN = 'Go back to where you came from, and connect again.'
const WRONG_CODE = 'This access code is not one for this share. Compare it with the one that the owner has given you.'
const TOO_MANY_CODES = 'So many have come from your network that the next one has to wait. Go back, and try the right one in a minute.'
const PROVED_NOTHING: Readonly<Record<Exclude<Approval['kind'], 'approved'>, string>> = {
  used: 'This access code was used already: it works once. Ask the owner of the share for a new one.',
  over: 'Your access to this share is over. Ask its owner for a new access code.',
}

/** What a person has decided. */
export interface Decision<Asked> {
  readonly asked: Asked
  /** The form's own field, for a page that asks once more. */
  readonly sealed: string
  /** Names the page's cookie. */
  readonly flow: string
  readonly isAllowed: boolean
  /** Hash of the access code; undefined for what is none of this share's. */
  readonly codeHash: Uint8Array<ArrayBuffer> | undefined
}

/** The decision in a form that comes back from the browser that got its page, or why there is none. */
export async function readDecision<Asked>(
  { base, share, keys }: SignInVisit,
  request: Request,
  purpose: ConsentPurpose['purpose'],
): Promise<Decision<Asked> | Response> {
  if (!isOwnPage(request, base)) return faultPage('This form is not ours', START_AGAIN, 403)
  const text = await readCapped(request.body, MAX_CONSENT_BYTES)
  if (text === undefined) return faultPage('This form is too large', START_AGAIN, 413)
  const form = new URLSearchParams(text)
  const sealed = form.get('request') ?? ''
  const about = await readConsent<Asked>(keys.signIn, { purpose, share }, sealed, request.headers.get('cookie'))
  if (about === undefined) return faultPage('This page is too old, or was not opened in this browser', START_AGAIN, 403)
  const isAllowed = form.get('decision') === 'allow'
  const codeHash = isAllowed ? await readAccessCode(keys.signIn, share, form.get('code') ?? '') : undefined
  return { asked: about.request, sealed, flow: about.flow, isAllowed, codeHash }
}

/** Whether a form comes from a page of this very origin, as far as the browser says: hosts of other shares are same-site. */
function isOwnPage({ headers }: Request, base: string): boolean {
  const [origin, site] = [headers.get('origin'), headers.get('sec-fetch-site')]
  return (origin === null || origin === new URL(base).origin) && (site === null || site === 'same-origin')
}

/** What a person is told whose code proves nothing: a sentence for the page that asks once more, or a page where too many were wrong. Undefined: it is none of ours. */
export function unproved({ address, share }: SignInVisit, kind: keyof typeof PROVED_NOTHING | undefined): string | Response {
  if (kind !== undefined) return PROVED_NOTHING[kind]
  const waitMs = countTry({ address, share })
  if (waitMs === undefined) return WRONG_CODE
  return faultPage('Too many wrong codes', TOO_MANY_CODES, 429, { 'retry-after': String(Math.ceil(waitMs / 1000)) })
}

/** When a share ends, in milliseconds since 1970, as the registry said a moment ago; undefined where there is no such share. Whoever opens a page has shown nothing. */
const ends = new SparingAnswers<number | undefined>(KNOWN_END_MS)

export function shareEnd({ env, share }: SignInVisit): Promise<{ readonly answer: number | undefined } | undefined> {
  return ends.of(share, async () => (await env.REGISTRY.getByName('registry').shareTrust(share))?.expiresAtMs)
}

/** When the share ends about whose access a page is to ask, or why there is nothing to ask. */
export async function livingEnd(visit: SignInVisit): Promise<number | Response> {
  const known = await shareEnd(visit)
  if (known === undefined) return faultPage('Many sign in at this moment', 'Try again in a minute.', 503, { 'retry-after': '60' })
  const endsAtMs = known.answer
  if (endsAtMs === undefined) return faultPage('There is no such share', 'Compare the URL with the one that you were given.', 404)
  return endsAtMs <= Date.now() ? faultPage('This share has ended', 'Ask its owner to lengthen it.', 410) : endsAtMs
}

/** Sends the browser on, with all that it has said to us left behind. `flow`: of a page that is done with. */
export function redirect(location: string, flow?: string): Response {
  const headers = { location, 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' }
  return new Response(null, { status: 303, headers: { ...headers, ...(flow === undefined ? {} : { 'set-cookie': endedCookie(flow) }) } })
}
