import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeReturnAddress, encodeReturnAddress, type ReturnAddress } from '../../../../worker/contract/return-address.ts'

const key = fc.stringMatching(/^[0-9a-f]{32}$/)
const session = fc.stringMatching(/^[0-9a-z]{1,40}$/)
const round = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const address: fc.Arbitrary<ReturnAddress> = fc.oneof(
  fc.record(
    { to: fc.constant('call' as const), key, session, round, isTranslated: fc.constant(true as const) },
    { requiredKeys: ['to', 'key', 'session'] },
  ),
  fc.record({ to: fc.constant('call' as const), key }),
  fc.record({ to: fc.constant('stream' as const), session, round }, { requiredKeys: ['to', 'session'] }),
  fc.record({ to: fc.constant('listen' as const), session }),
  fc.record({ to: fc.constant('relay' as const), purpose: fc.constantFrom('handshake' as const, 'snapshot' as const, 'replay' as const) }),
  fc.record(
    { to: fc.constant('session' as const), session, rawId: fc.json(), rawToken: fc.json() },
    { requiredKeys: ['to', 'session', 'rawId'] },
  ),
)

test('decodeReturnAddress() reads what encodeReturnAddress() has made', () => {
  fc.assert(
    fc.property(address, (made) => {
      expect(decodeReturnAddress(encodeReturnAddress(made))).toEqual(made)
    }),
  )
})

test.each([undefined, '', 'x', 'rother', 's', 's{', 's{}', 's["session"]', 's["session",1]'])(
  'decodeReturnAddress() refuses %j',
  (text) => {
    expect(decodeReturnAddress(text)).toBeUndefined()
  },
)
