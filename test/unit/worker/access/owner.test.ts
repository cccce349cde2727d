import { expect, test } from 'vitest'
import { authenticateOwner, newOwnerToken } from '../../../../worker/access/owner.ts'
import { claimedRelay } from '../../../../worker/access/keys.ts'
import { hashSecret, toHex } from '../../../../worker/access/secret.ts'
import type { OwnerVerdict } from '../../../../worker/contract/registry-rpc.ts'
import type { Env } from '../../../../worker/env.ts'
import { verifies } from '../../../requirements/verifies.ts'

const OWNER_KEY = 'o'.repeat(16)
const SIGNING_KEY = 's'.repeat(32)

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
  const ask = (bearer?: string) =>
    authenticateOwner(new Request('https://r/', bearer === undefined ? {} : { headers: { authorization: `Bearer ${bearer}` } }), relay, env)
  return { ask, asked, verdicts }
}

test('authenticateOwner() knows the deployer by OWNER_KEY without asking, and no claimed key beside it', async () => {
  const claimed = newOwnerToken()
  const { ask, asked } = await relayOf({}, { OWNER_KEY, SIGNING_KEY })
  expect(await ask(OWNER_KEY)).toEqual({ ok: true, value: { id: 'deployer', isDeployer: true } })
  expect(asked).toEqual([])
  expect(await ask(claimed)).toMatchObject({ ok: false })
  expect(asked).toEqual([false])
})

test('authenticateOwner() asks the registry each time: an owner who was removed is refused by the next request', async () => {
  verifies('promise.9.owner-asked')
  const [token, deployer] = [newOwnerToken(), newOwnerToken()]
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
  const token = newOwnerToken()
  const { ask } = await relayOf({ [token]: { kind: 'expired' } }, {})
  expect(await ask(token)).toEqual({ ok: false, error: 'This owner token has expired.' })
})

test.each([
  undefined,
  '',
  'x',
  'mcpe_owner_',
  'mcpe_owner_guess',
  `${newOwnerToken()}a`,
  newOwnerToken().slice(1),
  'ey.ey.x',
  'o'.repeat(100_000),
])('authenticateOwner() refuses %j without asking the registry', async (bearer) => {
  const { ask, asked } = await relayOf({}, { OWNER_KEY, SIGNING_KEY })
  expect(await ask(bearer)).toMatchObject({ ok: false })
  expect(asked).toEqual([])
})
