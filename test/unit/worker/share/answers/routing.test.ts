import { describe, expect, test } from 'vitest'
import type { Ask, Notification } from '../../../../../protocol/frame.ts'
import { bridgedGroup, channelName, modernGroup, SHARED_GROUP, spareGroup } from '../../../../../worker/contract/groups.ts'
import { encodeReturnAddress } from '../../../../../worker/contract/return-address.ts'
import { Routing } from '../../../../../worker/share/answers/routing.ts'
import type { Subscriptions } from '../../../../../worker/share/children/subscriptions.ts'
import type { Streams } from '../../../../../worker/share/clients/streams.ts'
import { Waiters } from '../../../../../worker/share/clients/waiters.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'

function socketNamed(name: string): WebSocket {
  return { name } as unknown as WebSocket
}

const CALL_STREAM = socketNamed('call')
const LISTENER = socketNamed('listener')
const SUBSCRIBER = socketNamed('subscriber')
const KEY = 'a'.repeat(32)
const CALL = encodeReturnAddress({ to: 'call', key: KEY })
const HOLD = { kind: 'hold' }
const DROP = { kind: 'drop' }

/** Routes for the session `s`. `streams`: which of its streams are open, that of the call KEY and the listening one. `isSole`: no other session ever was. */
function routing(streams: { call?: boolean; listener?: boolean } = {}, isSole = true): { routing: Routing; waiters: Waiters } {
  const waiters = new Waiters(() => {})
  const open: Pick<Streams, 'attachmentOf' | 'call' | 'listener' | 'listeners'> = {
    attachmentOf: () => ({ role: 'stream', kind: 'listen', link: '', group: 's', resume: { ch: 's.1', after: 0, round: 2 } }),
    call: (key) => (streams.call === true && key === KEY ? CALL_STREAM : undefined),
    listener: (session) => (streams.listener === true && session === 's' ? LISTENER : undefined),
    listeners: () => (streams.listener === true ? [LISTENER] : []),
  }
  const store = {
    sessions: { get: (id: string) => (id === 's' ? {} : undefined), hasSeveral: () => !isSole },
    requests: { subscribers: (uri: string) => (uri === 'u' ? ['s'] : []) },
    sole: { session: isSole ? 's' : undefined },
  }
  const subscriptions: Pick<Subscriptions, 'wanting'> = { wanting: () => [SUBSCRIBER] }
  const parts = { waiters, streams: open as Streams, store: store as unknown as Store, subscriptions: subscriptions as Subscriptions }
  return { routing: new Routing(parts), waiters }
}

function to(socket: WebSocket): object {
  return { kind: 'sockets', sockets: [socket] }
}

function notification(group: string, facts: Partial<Notification>): Notification {
  return { type: 'notification', ch: channelName(group, 1), n: 1, at: 0, size: 2, method: 'notifications/message', ...facts }
}

function ask(group: string, facts: Partial<Ask>): Ask {
  return { type: 'ask', ch: channelName(group, 1), n: 1, at: 0, size: 2, method: 'elicitation/create', rawId: '1', id: [0, 1], ...facts }
}

describe('Routing.answerTarget()', () => {
  test('prefers the call that waits over RPC to the stream of its key', () => {
    const { routing: routes, waiters } = routing({ call: true })
    expect(routes.answerTarget({ to: 'call', key: KEY })).toEqual(to(CALL_STREAM))
    void waiters.wait(KEY, {
      group: 's',
      agent: 'a',
      session: 's',
      principal: 'p',
      isInitialize: false,
      restarted: false,
      canStream: false,
    })
    expect(routes.answerTarget({ to: 'call', key: KEY })).toEqual({ kind: 'waiter', waiter: waiters.get(KEY) })
  })

  test('drops an answer that nobody waits for, and holds one for an HTTP+SSE session that is attaching again', () => {
    const { routing: routes } = routing()
    expect(routes.answerTarget(undefined)).toEqual(DROP)
    expect(routes.answerTarget({ to: 'call', key: KEY })).toEqual(DROP)
    expect(routes.answerTarget({ to: 'session', session: 's', rawId: '1' })).toEqual(HOLD)
    expect(routes.answerTarget({ to: 'session', session: 'ended', rawId: '1' })).toEqual(DROP)
  })
})

describe('Routing.messageTarget()', () => {
  test.each([
    ['what belongs to no call goes to the listening stream', notification('s', { method: 'notifications/tools/list_changed' }), LISTENER],
    ['progress goes to its call', notification('s', { method: 'notifications/progress', ra: CALL, sure: true }), CALL_STREAM],
    ['an ask that is certain goes to its call', ask('s', { ra: CALL, sure: true }), CALL_STREAM],
    ['an ask that is not certain goes to the listening stream', ask('s', { ra: CALL }), LISTENER],
    ['a log message of a child without sessions goes to its call', notification(modernGroup('x'), { ra: CALL, sure: true }), CALL_STREAM],
    [
      'a notification of an extension to a client without a session goes to its call',
      notification(bridgedGroup('x'), { method: 'notifications/com.example/n', ra: CALL, sure: true }),
      CALL_STREAM,
    ],
    ['a change goes to those who listen for it', notification(bridgedGroup('x'), { method: 'notifications/x/list_changed' }), SUBSCRIBER],
    [
      'a shared resource goes to its subscribers',
      notification(SHARED_GROUP, { method: 'notifications/resources/updated', uri: 'u' }),
      LISTENER,
    ],
    ['a log of the shared child goes to its only session', notification(SHARED_GROUP, {}), LISTENER],
  ])('%s', (_, header, socket) => {
    expect(routing({ call: true, listener: true }).routing.messageTarget(header)).toEqual(to(socket))
  })

  test.each([
    ['progress that is not certain is dropped', notification('s', { method: 'notifications/progress', ra: CALL }), DROP],
    ['what is not certain is dropped where nobody has a session', notification(modernGroup('x'), { ra: CALL }), DROP],
    [
      'a notification of an extension that is not certain is dropped where nobody has a session',
      notification(bridgedGroup('x'), { method: 'notifications/com.example/n', ra: CALL }),
      DROP,
    ],
    ['an ask that is not certain is judged for clients without sessions', ask(bridgedGroup('x'), { ra: CALL }), { kind: 'judge' }],
    [
      'an ask for roots is judged though its call is certain',
      ask(bridgedGroup('x'), { ra: CALL, sure: true, method: 'roots/list' }),
      { kind: 'judge', call: KEY },
    ],
    ['an ask of the shared child is dropped', ask(SHARED_GROUP, { ra: CALL, sure: true }), DROP],
  ])('%s', (_, header, target) => {
    expect(routing({ call: true, listener: true }).routing.messageTarget(header)).toEqual(target)
  })

  test('marks a change that those who listen for it hear of a spare child: its credit does not wait for them', () => {
    const header = notification(spareGroup(bridgedGroup('x'), KEY), { method: 'notifications/x/list_changed' })
    expect(routing({}).routing.messageTarget(header)).toEqual({ ...to(SUBSCRIBER), isOverheard: true })
  })

  test('holds what nobody can take yet, and an ask of a call whose client has left', () => {
    const { routing: routes } = routing()
    const left = encodeReturnAddress({ to: 'call', key: KEY, session: 's' })
    expect(routes.messageTarget(notification('s', { method: 'notifications/tools/list_changed' }))).toEqual(HOLD)
    expect(routes.messageTarget(ask('s', { ra: left, sure: true }))).toEqual(HOLD)
    expect(routes.messageTarget(notification('s', { ra: left, sure: true }))).toEqual(DROP)
  })

  test('gives a log of the shared child to nobody once it has served several sessions', () => {
    const { routing: routes } = routing({ call: true, listener: true }, false)
    expect(routes.messageTarget(notification(SHARED_GROUP, { ra: CALL, sure: true }))).toEqual(DROP)
  })
})

describe('Routing.againTarget()', () => {
  const address = encodeReturnAddress({ to: 'stream', session: 's', round: 2 })

  test('keeps to the stream for which a message was sent again', () => {
    const { routing: routes } = routing({ call: true, listener: true })
    expect(routes.againTarget(address, { kind: 'sockets', sockets: [LISTENER, SUBSCRIBER] })).toEqual(to(LISTENER))
    expect(routes.againTarget(address, { kind: 'sockets', sockets: [SUBSCRIBER] })).toEqual(DROP)
  })

  test('drops what was sent again for a stream before that', () => {
    const { routing: routes } = routing({ listener: true })
    for (const round of [{ round: 1 }, {}])
      expect(
        routes.againTarget(encodeReturnAddress({ to: 'stream', session: 's', ...round }), { kind: 'sockets', sockets: [LISTENER] }),
      ).toEqual(DROP)
  })

  test('leaves it to the next stream when the one has closed', () => {
    expect(routing().routing.againTarget(address, { kind: 'hold' })).toEqual(HOLD)
  })
})
