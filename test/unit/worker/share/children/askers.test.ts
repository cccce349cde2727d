import { describe, expect, test } from 'vitest'
import { Askers } from '../../../../../worker/share/children/askers.ts'
import type { Streams } from '../../../../../worker/share/clients/streams.ts'
import { Waiters } from '../../../../../worker/share/clients/waiters.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'

/** Calls of the tools `t` and `u` and a list wait on the child of group `c`; a call of `s` has its stream there. */
function stage(): Askers {
  const names = new Set<string>()
  const bridge = { isAsker: (name: string) => names.has(name), markAsker: (name: string) => void names.add(name) }
  const waiters = new Waiters(() => {})
  const facts = { group: 'c', agent: 'a', session: '', principal: 'p', isInitialize: false, restarted: false, canStream: true }
  for (const asker of ['t', 'u']) void waiters.wait(`key of ${asker}`, { ...facts, asker })
  void waiters.wait('list', facts)
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
    expect([askers.mayAsk('t'), askers.mayAsk('u')]).toEqual([true, false])
    askers.answered('key of t')
    expect([askers.mayAsk('t'), askers.isQuiet('t')]).toEqual([true, false])
  })

  test('isQuiet() is true for a name that was answered without having asked', () => {
    const askers = stage()
    askers.answered('key of t')
    expect([askers.isQuiet('t'), askers.isQuiet('u')]).toEqual([true, false])
  })

  test('suspect() holds until another call of the name is answered without having asked', () => {
    const askers = stage()
    askers.answered('key of u')
    askers.suspect([
      { key: 'before', asker: 't' },
      { key: 'key of u', asker: 'u' },
    ])
    expect([askers.mayAsk('t'), askers.mayAsk('u'), askers.isQuiet('u')]).toEqual([true, true, false])
    for (const name of ['t', 'u']) askers.answered(`key of ${name}`)
    expect([askers.mayAsk('t'), askers.isQuiet('t'), askers.mayAsk('u')]).toEqual([false, true, true])
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
