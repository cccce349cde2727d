import { describe, expect, test } from 'vitest'
import { anonymousStanding, policyDigest, refusalFor, standingOf, verdictFor } from '../../../../../worker/share/trust/standing.ts'
import type { KeptLinkTrust, KeptShareTrust } from '../../../../../worker/share/trust/trust-rows.ts'
import { UNRESTRICTED } from '../../../../../worker/contract/trust/pass.ts'

const SHARE: KeptShareTrust = {
  version: 9,
  expiresAtMs: 1000,
  isPaused: false,
  digest: '',
  revokedBefore: 0,
  anonymousDigest: '',
  agentsRevokedBefore: 0,
}
const LINK: KeptLinkTrust = { id: 'a', version: 5, kind: 'client', expiresAtMs: 500, isRevoked: false, digest: '' }

describe('refusalFor()', () => {
  test.each([
    ['nothing', {}, {}, 0, undefined],
    ['SHARE_EXPIRED', {}, {}, 1000, 'SHARE_EXPIRED'],
    ['LINK_EXPIRED', {}, {}, 500, 'LINK_EXPIRED'],
    ['LINK_REVOKED', {}, { isRevoked: true }, 500, 'LINK_REVOKED'],
    ['SHARE_EXPIRED before all else', { isPaused: true }, { isRevoked: true }, 1000, 'SHARE_EXPIRED'],
    ['SHARE_PAUSED', { isPaused: true }, {}, 0, 'SHARE_PAUSED'],
    ['LINK_EXPIRED before a pause', { isPaused: true }, {}, 500, 'LINK_EXPIRED'],
    ['LINK_REVOKED of a link made before all were revoked', { revokedBefore: 6 }, {}, 0, 'LINK_REVOKED'],
    ['nothing of a link made then', { revokedBefore: 5 }, {}, 0, undefined],
    ['nothing of an agent where agents are kept', { revokedBefore: 6 }, { kind: 'agent' }, 0, undefined],
  ] as const)('says %s', (_what, share, link, nowMs, code) => {
    expect(refusalFor(standingOf({ ...SHARE, ...share }, [{ ...LINK, ...link }]), nowMs, false)).toBe(code)
  })

  test('lets agents in to a paused share', () => {
    expect(refusalFor(standingOf({ ...SHARE, isPaused: true }, [LINK]), 0, true)).toBeUndefined()
  })

  test('refuses a chain of which any link is unknown, revoked or over', () => {
    const others = [undefined, { ...LINK, id: 'b', isRevoked: true }, { ...LINK, id: 'b', expiresAtMs: 1 }]
    const codes = others.map((other) => refusalFor(standingOf(SHARE, [LINK, other]), 2, false))
    expect(codes).toEqual(['LINK_REVOKED', 'LINK_REVOKED', 'LINK_EXPIRED'])
  })
})

describe('standingOf()', () => {
  test('charges the share first, then each link of the chain that has limits, and nothing where nothing is limited', () => {
    const calls = { calls: { count: 1, per: 'day' } }
    const limits = JSON.stringify({ calls: '1/day' })
    expect(standingOf({ ...SHARE, limits }, [LINK, { ...LINK, id: 'b', limits }]).charges).toEqual([
      { name: 'share', limits: calls },
      { name: 'b', limits: calls },
    ])
    expect(standingOf({ ...SHARE, limits: '{}' }, [{ ...LINK, limits: '{}' }])).not.toHaveProperty('charges')
  })
})

describe('anonymousStanding()', () => {
  test("has what is pinned of the share's server, beside both policies", () => {
    const share = { ...SHARE, digest: 'd', policy: 'p', pins: '{}', anonymous: 'a', anonymousDigest: 'e' }
    expect(anonymousStanding(share)?.facts).toEqual({ state: 'd.e', policies: ['p', 'a'], pins: '{}' })
  })
})

describe('verdictFor()', () => {
  const chain = ['a'] as const

  test('lets in, with and without a state, where nothing is restricted', () => {
    const standing = standingOf(SHARE, [LINK])
    expect([undefined, UNRESTRICTED].map((state) => verdictFor(standing, { chain, ...(state === undefined ? {} : { state }) }, 0))).toEqual(
      [undefined, undefined],
    )
    expect(verdictFor(standing, { chain, state: 'older' }, 0)).toMatchObject({ kind: 'stale_grant', facts: { policies: [] } })
  })

  test('tells a pass without the newest state what restricts it', async () => {
    const policies = ['{"access":"read"}', '{"access":"write"}']
    const [digest, other] = await Promise.all(policies.map((policy) => policyDigest({ policy })))
    const share = { ...SHARE, policy: policies[0] ?? '', digest: digest ?? '' }
    const standing = standingOf(share, [{ ...LINK, policy: policies[1] ?? '', digest: other ?? '' }])
    expect(verdictFor(standing, { chain }, 0)).toEqual({ kind: 'stale_grant', facts: { state: standing.facts.state, policies } })
    expect(verdictFor(standing, { chain, state: UNRESTRICTED }, 0)).toMatchObject({ kind: 'stale_grant' })
    expect(verdictFor(standing, { chain, state: standing.facts.state }, 0)).toBeUndefined()
  })
})

test('a state names the policies, not how often they were changed, so that lanes that heard of other changes name the same', async () => {
  const policy = '{"access":"read"}'
  const digest = await policyDigest({ policy })
  const state = (version: number): string => standingOf(SHARE, [{ ...LINK, version, policy, digest }]).facts.state
  expect(state(5)).toBe(state(8))
  expect(await policyDigest({ policy: '{"access":"write"}' })).not.toBe(digest)
})
