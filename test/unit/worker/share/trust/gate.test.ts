import { expect, test } from 'vitest'
import type { RegistryObject } from '../../../../../worker/contract/objects.ts'
import type { ChainTrust, ShareTrust } from '../../../../../worker/contract/trust/trust-rpc.ts'
import { TrustGate } from '../../../../../worker/share/trust/gate.ts'
import type { KeptLinkTrust, KeptShareTrust, TrustRows } from '../../../../../worker/share/trust/trust-rows.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { heapBytes } from '../../heap-bytes.ts'

const LINKS = 1_000
const PINS = JSON.stringify({ tools: Array.from({ length: 2_000 }, (_, at) => `digest ${at}`.padEnd(43, '-')) })

const DECIDED = { expiresAtMs: 4e12, isPaused: false }
const LIMITED = { ...DECIDED, limits: '{"calls":"1/hour"}' }

/** A gate whose registry tells of the share anew with each link, as RPC does, in words of its own. */
function gateOf(isKept: boolean, decided: Omit<ShareTrust, 'version'> = DECIDED): TrustGate {
  let share: KeptShareTrust | undefined
  const links = new Map<string, KeptLinkTrust>()
  const rows: Pick<TrustRows, 'share' | 'putShare' | 'link' | 'putLink'> = {
    share: () => share,
    putShare: (kept) => void (share = kept),
    link: (id) => links.get(id),
    putLink: (kept) => void links.set(kept.id, kept),
  }
  let version = 0
  const chainTrust = (_share: string, id: string): ChainTrust => {
    version++
    const trust: ShareTrust = { version, ...decided, policy: `{"access":"admin"}`, pins: PINS }
    return structuredClone({ share: trust, links: [{ id, version, kind: 'client', expiresAtMs: 4e12, isRevoked: false }] })
  }
  const registry: Pick<RegistryObject, 'chainTrust' | 'shareTrust'> = { chainTrust, shareTrust: () => undefined }
  return new TrustGate({
    rows: rows as TrustRows,
    share: 's',
    lane: 0,
    registry: () => registry,
    isKept: () => isKept,
    alarmBy: () => undefined,
  })
}

test.each([
  ['that keeps rows', true],
  ['that keeps none', false],
])("TrustGate of an object %s has a share's pins in memory once, however many links stand by them", async (_what, isKept) => {
  verifies('promise.10.memory')
  const gate = gateOf(isKept)
  const passOf = (n: number) => ({ chain: [`link ${n}`] as [string] })
  const before = await heapBytes()
  for (let n = 0; n < LINKS; n++) await gate.judge(passOf(n), 0)
  const facts = Array.from({ length: LINKS }, (_, n) => gate.factsOf(`link ${n}`))
  expect(facts.every((fact) => fact?.pins === PINS)).toBe(true)
  expect((await heapBytes()) - before).toBeLessThan(20 * PINS.length)
})

test('TrustGate charges a call that it has let in, though something is decided before it is charged', async () => {
  verifies('promise.12.exact')
  const gate = gateOf(true, LIMITED)
  const pass = { chain: ['link 1'] as [string] }
  await gate.judge(pass, 0)
  const charges = gate.chargesOf(pass)
  expect(charges).toMatchObject([{ name: 'share', limits: { calls: { count: 1, per: 'hour' } } }])
  await gate.apply({ op: 'share_changed', trust: { version: 1_000, ...LIMITED } })
  expect(gate.chargesOf(pass)).toEqual(charges)
})
