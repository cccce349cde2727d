import { expect, test } from 'vitest'
import { Asks } from '../../../../../worker/share/children/asks.ts'
import type { Streams } from '../../../../../worker/share/clients/streams.ts'
import { Waiters } from '../../../../../worker/share/clients/waiters.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'

/** A call of the tool `t` waits on the channel `c.1`. `isParked`: another call waits there for its client. */
function stage(isParked: boolean): Asks {
  const askers = new Set<string>()
  const bridge = {
    isAsker: (name: string) => askers.has(name),
    markAsker: (name: string) => void askers.add(name),
    hasParkedOn: (ch: string) => isParked && ch === 'c.1',
  }
  const waiters = new Waiters()
  void waiters.wait('k', { group: 'c', agent: 'a', session: '', isInitialize: false, restarted: false, canStream: true, asker: 't' })
  const streams: Pick<Streams, 'call'> = { call: () => undefined }
  return new Asks({ store: { bridge } as unknown as Store, streams: streams as Streams, waiters })
}

test('Asks.mustBeAlone() is true for a name that was noted as asking, and for no other', () => {
  const asks = stage(false)
  expect(asks.mustBeAlone('t', 'c.1')).toBe(false)
  asks.note('k')
  expect([asks.mustBeAlone('t', 'c.1'), asks.mustBeAlone('u', 'c.1')]).toEqual([true, false])
})

test('Asks.mustBeAlone() is true for a name that is not known to be quiet while a call is parked on the channel', () => {
  const asks = stage(true)
  expect([asks.mustBeAlone('t', 'c.1'), asks.mustBeAlone('t', 'c.2')]).toEqual([true, false])
  asks.answered('k')
  expect(asks.mustBeAlone('t', 'c.1')).toBe(false)
})

test('Asks.answered() does not make a name quiet that has asked', () => {
  const asks = stage(false)
  asks.note('k')
  asks.answered('k')
  expect(asks.mustBeAlone('t', 'c.1')).toBe(true)
})
