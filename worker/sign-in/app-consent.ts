/** `/authorize/app`: asks a person who opens the share's web app for the access code that proves who it is. Opening the page writes nothing, and it leads back to where the visit began only. */
import { type AppEntry, readEntry, sealPass } from '../access/app/app-entry.ts'
import { APP_SIGN_IN_PATH, PASS_PARAMETER } from '../access/origin.ts'
import { livingEnd, readDecision, redirect, shareEnd, unproved } from './consent-form.ts'
import { type ConsentFacts, consentPage, faultPage } from './consent-page.ts'
import { openConsent } from './consent-request.ts'
import type { SignInVisit } from './visit.ts'

const OPEN_AGAIN = 'Open the web app again.'

/** `GET /authorize/app`. */
export async function showAppConsent(visit: SignInVisit, request: Request): Promise<Response> {
  const { keys, share } = visit
  const entry = await readEntry(keys.signIn, share, new URL(request.url).searchParams.get('request') ?? '')
  if (entry === undefined) return faultPage('This address is too old, or not whole', OPEN_AGAIN, 400)
  const endsAtMs = await livingEnd(visit)
  if (endsAtMs instanceof Response) return endsAtMs
  const { sealed, cookie } = await openConsent(keys.signIn, { purpose: 'app_consent', share }, entry)
  return consentPage(factsOf(visit, entry, sealed, endsAtMs), 200, { 'set-cookie': cookie })
}

/** `POST /authorize/app`: what the person has decided. */
export async function decideAppConsent(visit: SignInVisit, request: Request): Promise<Response> {
  const decision = await readDecision<AppEntry>(visit, request, 'app_consent')
  if (decision instanceof Response) return decision
  const { asked, sealed, flow, isAllowed, codeHash } = decision
  if (!isAllowed) return faultPage('Nothing was let in', 'You can close this page.', 403)
  const { keys, share, env } = visit
  const verdict = codeHash === undefined ? undefined : await env.REGISTRY.getByName('registry').accessCode(share, codeHash, true)
  if (verdict?.kind === 'person') {
    const back = new URL(asked.origin)
    back.searchParams.set(PASS_PARAMETER, await sealPass(keys.signIn, share, asked, verdict.link))
    return redirect(back.href, flow)
  }
  const fault = unproved(visit, verdict?.kind)
  if (fault instanceof Response) return fault
  const endsAtMs = (await shareEnd(visit))?.answer ?? Date.now()
  return consentPage({ ...factsOf(visit, asked, sealed, endsAtMs), fault }, 403, {})
}

function factsOf({ base }: SignInVisit, { origin }: AppEntry, sealed: string, endsAtMs: number): ConsentFacts {
  const { host } = new URL(origin)
  return {
    question: 'Let this browser in?',
    redirectHost: host,
    gets: `to use the web app at ${host} in your name, as far as its owner lets you`,
    condition: 'you have just opened this web app',
    endsAtMs,
    action: `${new URL(base).pathname.replace(/\/$/, '')}${APP_SIGN_IN_PATH}`,
    sealed,
    redirectSource: origin,
  }
}
