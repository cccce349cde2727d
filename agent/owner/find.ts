/** Finds the share or the token that an owner names: by its id, or by a name that only one has. */
import { AgentExit, EXIT } from '../exit.ts'
import { OWNER_LIST_PAGES } from '../limits.ts'
import { listOf, type PersonAnswer, readPerson, readShare, readToken, type ShareAnswer, type TokenAnswer } from './answers.ts'
import type { Answer, OwnerApi } from './api-client.ts'
import { plain } from './table.ts'

const SHARE_ID = /^[a-z2-7]{32}$/
const TOKEN_ID = /^[0-9a-f]{24}$/

/** All shares of the owner, newest first, as the API shows them. */
export async function allShares(api: OwnerApi): Promise<readonly Answer[]> {
  const shares: Answer[] = []
  let after = ''
  for (let page = 0; page < OWNER_LIST_PAGES; page += 1) {
    const answer = await api.request('GET', `shares${after}`)
    shares.push(...listOf(answer, 'shares'))
    const { next } = answer
    if (typeof next !== 'string') break
    after = `?after=${encodeURIComponent(next)}`
  }
  return shares
}

/** @throws {AgentExit} when there is none, or more than one of that name. Of several those are meant that have not ended. */
export async function findShare(api: OwnerApi, named: string, now: Date): Promise<ShareAnswer> {
  if (SHARE_ID.test(named)) return readShare(await api.request('GET', `shares/${named}`))
  const found = (await allShares(api)).map(readShare).filter(({ name }) => name === named)
  const living = found.filter(({ expiresAt, isEnding }) => !isEnding && expiresAt > now)
  return onlyOne('share', named, living.length === 0 ? found : living, `${api.program} share list`)
}

/** @throws {AgentExit} when the share has none, or more than one of that name. */
export async function findToken(api: OwnerApi, share: ShareAnswer, named: string): Promise<TokenAnswer> {
  const tokens = await allTokens(api, share)
  return onlyOne(
    'token',
    named,
    tokens.map(readToken).filter(({ id, name }) => (TOKEN_ID.test(named) ? id === named : name === named)),
    `${api.program} token list ${share.id}`,
  )
}

/** @throws {AgentExit} when the share has none, or more than one of that name. Of several those are meant that are not removed. */
export async function findPerson(api: OwnerApi, share: ShareAnswer, named: string): Promise<PersonAnswer> {
  const people = (await allPeople(api, share)).map(readPerson)
  const found = people.filter(({ id, name }) => (TOKEN_ID.test(named) ? id === named : name === named))
  const kept = found.filter(({ status }) => status !== 'revoked')
  return onlyOne('person', named, kept.length === 0 ? found : kept, `${api.program} people list ${share.id}`)
}

export async function allPeople(api: OwnerApi, share: ShareAnswer): Promise<readonly Answer[]> {
  return listOf(await api.request('GET', `shares/${share.id}/people`), 'people')
}

export async function allTokens(api: OwnerApi, share: ShareAnswer): Promise<readonly Answer[]> {
  return listOf(await api.request('GET', `shares/${share.id}/tokens`), 'tokens')
}

/** @throws {AgentExit} unless there is exactly one. `list`: the command that shows what there is. */
export function onlyOne<Found extends { readonly id: string }>(what: string, named: string, found: readonly Found[], list: string): Found {
  const [first, second] = found
  const shown = plain(named)
  if (first === undefined)
    throw new AgentExit(EXIT.NOT_FOUND, `${what.toUpperCase()}_NOT_FOUND`, `There is no ${what} ${shown}. See what there is: ${list}`)
  if (second === undefined) return first
  const ids = found.slice(0, 5).map(({ id }) => id)
  throw new AgentExit(EXIT.USAGE, 'NAME_AMBIGUOUS', `${found.length} ${what}s are named ${shown}. Give an id: ${ids.join(', ')}`)
}
