import { describe, expect, test } from 'vitest'
import { Askers } from '../../../../../worker/share/children/askers.ts'
import type { Streams } from '../../../../../worker/share/clients/streams.ts'
import { Waiters } from '../../../../../worker/share/clients/waiters.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'
import { verifies } from '../../../../requirements/verifies.ts'

/** Calls of the tools `t` and `u` and a list wait on the child of group `c`; a call of `s` has its stream there, and one of `t` waits on that of `d`. */
function stage(): Askers {
  const names = new Set<string>()
  const bridge = { isAsker: (name: string) => names.has(name), markAsker: (name: string) => void names.add(name) }
  const waiters = new Waiters(() => {})
  const facts = { group: 'c', agent: 'a', session: '', principal: 'p', isInitialize: false, restarted: false, canStream: true }
  for (const asker of ['t', 'u']) void waiters.wait(`key of ${asker}`, { ...facts, asker })
  void waiters.wait('list', facts)
  void waiters.wait('key in d', { ...facts, group: 'd~1', asker: 't' })
  const socket = { name: 'stream of s' } as unknown as WebSocket
  const streams: Pick<Streams, 'call' | 'callsOfGroup' | 'attachmentOf'> = {
    call: (key) => (key === 'key of s' ? socket : undefined),
    callsOfGroup: (group) => (group === 'c' ? [socket] : []),
    attachmentOf: () => ({ role: 'stream', kind: 'call', link: 'l', group: 'c', key: 'key of s', asker: 's' }),
  }
  return new Askers({ store: { bridge } as unknown as Store, streams: streams as Streams, waiters })
}

describe('Askers', () => {
  test('mayAsk() is true for a name that was noted as asking, and for no other', () => {
    const askers = stage()
    askers.note('key of t')
    expect([askers.mayAsk('c', 't'), askers.mayAsk('c', 'u')]).toEqual([true, false])
    askers.answered('key of t')
    expect([askers.mayAsk('c', 't'), askers.isQuiet('c', 't')]).toEqual([true, false])
  })

  test('isQuiet() is true for a name that was answered without having asked', () => {
    const askers = stage()
    askers.answered('key of t')
    expect([askers.isQuiet('c', 't'), askers.isQuiet('c', 'u')]).toEqual([true, false])
  })

  test('suspect() holds until another call of the name is answered without having asked', () => {
    const askers = stage()
    askers.answered('key of u')
    askers.suspect('c', [
      { key: 'before', asker: 't' },
      { key: 'key of u', asker: 'u' },
    ])
    expect([askers.mayAsk('c', 't'), askers.mayAsk('c', 'u'), askers.isQuiet('c', 'u')]).toEqual([true, true, false])
    for (const name of ['t', 'u']) askers.answered(`key of ${name}`)
    expect([askers.mayAsk('c', 't'), askers.isQuiet('c', 't'), askers.mayAsk('c', 'u')]).toEqual([false, true, true])
  })

  test('isQuiet() and suspect() are about the clients of one group, its spare children included', () => {
    verifies('promise.1.audience')
    const askers = stage()
    askers.answered('key in d')
    expect([askers.isQuiet('d', 't'), askers.isQuiet('d~2', 't'), askers.isQuiet('c', 't')]).toEqual([true, true, false])
    askers.suspect('c', [{ key: 'before', asker: 't' }])
    expect([askers.mayAsk('c', 't'), askers.mayAsk('d', 't'), askers.isQuiet('d', 't')]).toEqual([true, false, true])
    askers.suspect('d~3', [{ key: 'before', asker: 't' }])
    askers.answered('key of t')
    expect([askers.mayAsk('c', 't'), askers.mayAsk('d', 't')]).toEqual([false, true])
  })

  test('running() and others() tell calls that may ask from those that cannot; an answered one runs no more', () => {
    const askers = stage()
    expect(askers.running('c').map(({ asker }) => asker)).toEqual(['s', 't', 'u'])
    expect(askers.others('c')).toEqual(['list'])
    expect(askers.isRunning('key of s')).toBe(true)
    askers.answered('key of s')
    expect(askers.running('c').map(({ asker }) => asker)).toEqual(['t', 'u'])
    expect([askers.isRunning('key of s'), askers.closed('key of s'), askers.closed('key of t')]).toEqual([false, true, false])
  })
})
