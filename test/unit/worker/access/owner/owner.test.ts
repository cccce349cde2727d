import { afterEach, describe, expect, test, vi } from 'vitest'
import { authenticateOwner, newOwnerToken } from '../../../../../worker/access/owner/owner.ts'
import { claimedRelay, deriveKeys } from '../../../../../worker/access/secrets/keys.ts'
import { hashSecret, toHex } from '../../../../../worker/access/secrets/secret.ts'
import type { OwnerVerdict } from '../../../../../worker/contract/registry/registry-rpc.ts'
import type { Env } from '../../../../../worker/env.ts'
import { WRONG_TRIES, WRONG_TRY_MS } from '../../../../../worker/trust-limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const OWNER_KEY = 'o'.repeat(16)
const SIGNING_KEY = 's'.repeat(32)

/** A new token of the relay below that has no SIGNING_KEY. */
async function newToken(): Promise<string> {
  return newOwnerToken(await deriveKeys(new Uint8Array(32)))
}

/** One as relays made them that sealed none. */
function unsealed(): string {
  return `mcpe_owner_${crypto.randomUUID().replaceAll('-', '').padEnd(43, 'x')}`
}

/** A relay whose registry knows these tokens, and counts how often it is asked. */
async function relayOf(known: Readonly<Record<string, OwnerVerdict>>, variables: object) {
  const asked: boolean[] = []
  const verdicts = new Map<string, OwnerVerdict>()
  for (const [token, verdict] of Object.entries(known)) verdicts.set(toHex(await hashSecret(token)), verdict)
  const registry = {
    secrets: () => Promise.resolve({ signingKey: new Uint8Array(32), isClaimed: true }),
    findOwner: (hash: Uint8Array, isClaimTaken: boolean) => {
      asked.push(isClaimTaken)
      return Promise.resolve(verdicts.get(toHex(hash)) ?? { kind: 'unknown' })
    },
  }
  const bindings: object = { ...variables, REGISTRY: { getByName: () => registry } }
  const env = bindings as Env
  const relay = await claimedRelay(env)
  if (relay === undefined) throw new Error('the relay is claimed')
  const ask = (bearer?: string, address = '192.0.2.1') => {
    const headers = { 'cf-connecting-ip': address, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) }
    return authenticateOwner(Object.assign(new Request('https://r/', { headers }), { cf: { colo: 'AMS' } }), relay, env)
  }
  return { ask, asked, verdicts }
}

test('authenticateOwner() knows the deployer by OWNER_KEY without asking, and no claimed key beside it', async () => {
  const claimed = await newToken()
  const { ask, asked } = await relayOf({}, { OWNER_KEY, SIGNING_KEY })
  expect(await ask(OWNER_KEY)).toEqual({ ok: true, value: { id: 'deployer', isDeployer: true } })
  expect(asked).toEqual([])
  expect(await ask(claimed)).toMatchObject({ ok: false })
  expect(asked).toEqual([false])
})

test('authenticateOwner() asks the registry each time: an owner who was removed is refused by the next request', async () => {
  verifies('promise.9.owner-asked')
  const [token, deployer] = [await newToken(), await newToken()]
  const { ask, asked, verdicts } = await relayOf(
    { [token]: { kind: 'owner', id: 'o1' }, [deployer]: { kind: 'owner', id: 'deployer' } },
    {},
  )
  expect(await ask(token)).toEqual({ ok: true, value: { id: 'o1', isDeployer: false } })
  expect(await ask(deployer)).toEqual({ ok: true, value: { id: 'deployer', isDeployer: true } })
  verdicts.clear()
  expect(await ask(token)).toMatchObject({ ok: false })
  expect(await ask(deployer)).toMatchObject({ ok: false })
  expect(asked).toEqual([true, true, true, true])
})

test('authenticateOwner() says that a token has expired', async () => {
  const token = await newToken()
  const { ask } = await relayOf({ [token]: { kind: 'expired' } }, {})
  expect(await ask(token)).toEqual({ ok: false, error: { detail: 'This owner token has expired.' } })
})

test.each([undefined, '', 'x', 'mcpe_owner_', 'mcpe_owner_guess', `${unsealed()}a`, unsealed().slice(1), 'ey.ey.x', 'o'.repeat(100_000)])(
  'authenticateOwner() refuses %j without asking the registry',
  async (bearer) => {
    const { ask, asked } = await relayOf({}, { OWNER_KEY, SIGNING_KEY })
    expect(await ask(bearer)).toMatchObject({ ok: false })
    expect(asked).toEqual([])
  },
)

describe('wrong owner tokens', () => {
  afterEach(() => void vi.useRealTimers())

  test('are slowed after WRONG_TRIES from one address, which does not keep a right one waiting, from there either', async () => {
    verifies('promise.9.slowed')
    vi.useFakeTimers()
    const token = await newToken()
    const { ask, asked } = await relayOf({ [token]: { kind: 'owner', id: 'o1' } }, {})
    const guess = async (address: string): Promise<unknown> => {
      const told = await ask(`${(await newToken()).slice(0, -22)}${'A'.repeat(22)}`, address)
      return told.ok ? 'in' : told.error.waitMs
    }
    for (let tries = 0; tries < WRONG_TRIES; tries++) expect(await guess('203.0.113.1')).toBeUndefined()
    for (let tries = 0; tries < 1000; tries++) expect(await guess('203.0.113.1')).toBe(WRONG_TRY_MS)
    // No more than those were asked about, however many come.
    expect(asked.length).toBe(WRONG_TRIES)
    expect(await ask(token, '203.0.113.1')).toMatchObject({ ok: true })
    expect(await guess('203.0.113.2')).toBeUndefined()
    vi.advanceTimersByTime(WRONG_TRY_MS)
    expect([await guess('203.0.113.1'), await guess('203.0.113.1')]).toEqual([undefined, WRONG_TRY_MS])
  })

  test('do not shut out one without a seal that was right before', async () => {
    const token = unsealed()
    const { ask, asked } = await relayOf({ [token]: { kind: 'owner', id: 'o1' } }, {})
    const from = '203.0.113.3'
    expect(await ask(token, from)).toMatchObject({ ok: true })
    for (let tries = 0; tries < 100; tries++) await ask(unsealed(), from)
    expect(asked.length).toBe(1 + WRONG_TRIES)
    expect(await ask(token, from)).toMatchObject({ ok: true })
  })
})
