import { expect, test } from 'vitest'
import { ContextForge } from '../../../../../../worker/share/agents/wires/context-forge.ts'
import {
  heartbeat,
  newerRegistration,
  notification,
  olderRegistration,
  response,
  unregister,
} from '../../../../../fixtures/foreign-agents/context-forge-agents.ts'

const decoder = new TextDecoder()

test('ContextForge.incoming() tells a message of the server by its payload, and nothing else by its envelope', () => {
  const dialect = new ContextForge('x')
  const bodies = [response('s', { id: 1, method: 'roots/list' }), notification('s', { method: 'n' })].map((text) => {
    const heard = dialect.incoming(text)
    return heard.kind === 'message' ? decoder.decode(heard.body) : heard.kind
  })
  expect(bodies).toEqual(['{"id":1,"method":"roots/list"}', '{"method":"n"}'])
  expect(dialect.incoming(heartbeat('s'))).toEqual({ kind: 'nothing' })
  expect(dialect.incoming('{"type":"unheard of"}')).toEqual({ kind: 'nothing' })
  expect(dialect.incoming(unregister('s'))).toEqual({ kind: 'leaves' })
})

test('ContextForge tells the older client by what it says of its server, and answers each in its own words', () => {
  const [older, newer] = [new ContextForge('x'), new ContextForge('x')]
  expect(older.incoming(olderRegistration('abcdefgh-1'))).toEqual({ kind: 'registers', name: 'reverse-proxy-abcdefgh', isBegun: true })
  expect(newer.incoming(newerRegistration('s'))).toEqual({ kind: 'registers', name: 'weather', isBegun: false })
  expect([older.registered, older.ready, older.failed]).toEqual([
    '{"type":"register_ack","sessionId":"x","status":"success"}',
    undefined,
    undefined,
  ])
  expect(JSON.parse(newer.registered)).toEqual({ type: 'register_ack', sessionId: 'x', status: 'processing' })
  expect(JSON.parse(newer.failed ?? '')).toMatchObject({ status: 'error', message: 'registration failed' })
})

test('ContextForge.incoming() answers what is no JSON, and ends a registration that is none', () => {
  const dialect = new ContextForge('x')
  expect(dialect.incoming('garbage')).toEqual({ kind: 'asks', reply: '{"type":"error","message":"Invalid JSON format"}' })
  expect(dialect.incoming('{"type":"register",,}')).toMatchObject({ kind: 'breaks', code: 1008 })
})
