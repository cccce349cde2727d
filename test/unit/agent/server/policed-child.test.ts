import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MAX_CALLS_BEHIND_LIST, TOOL_LIST_MS } from '../../../../agent/limits.ts'
import type { Child, ChildEnd } from '../../../../agent/server/child.ts'
import { policedStart } from '../../../../agent/server/policed-child.ts'
import { PolicyJudge } from '../../../../protocol/policy/judge.ts'
import { readPolicy } from '../../../../protocol/policy/policy.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { FakeChild } from '../fake-child.ts'

type Message = Readonly<Record<string, unknown>>

beforeEach(() => void vi.useFakeTimers({ toFake: ['setImmediate', 'setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

const HIDDEN = { name: 'pay', annotations: { readOnlyHint: false } }
const SEEN = { name: 'look', annotations: { readOnlyHint: true } }

/** A server process behind a policy: what reaches it, and what comes back. */
class Policed {
  readonly heard: Message[] = []
  readonly taken: boolean[] = []
  /** Raw ids of calls that the server has refused for whom they come from. */
  readonly refusedFor: string[] = []
  fake: FakeChild | undefined
  end: ChildEnd | undefined
  readonly #child: Child

  constructor(policy: unknown) {
    const read = readPolicy(policy)
    if (!read.ok) throw new Error(read.error)
    const handlers = {
      line: (bytes: Uint8Array) => void this.heard.push(JSON.parse(Buffer.from(bytes).toString()) as Message),
      tooLong: () => {},
      refused: (rawId: string) => void this.refusedFor.push(rawId),
      stderr: () => {},
      gone: (end: ChildEnd) => void (this.end = end),
    }
    this.#child = policedStart(new PolicyJudge([read.value]), (inner) => (this.fake = new FakeChild(inner)))(handlers)
  }

  get server(): FakeChild {
    if (this.fake === undefined) throw new Error('not started')
    return this.fake
  }

  /** Methods that have reached the server. */
  get reached(): unknown[] {
    return this.server.written.map(({ method }) => method)
  }

  shows(authorization: string): void {
    this.#child.authorize?.(authorization)
  }

  sends(message: Message | string, authorization?: string): void {
    const text = typeof message === 'string' ? message : JSON.stringify({ jsonrpc: '2.0', ...message })
    this.#child.write(Buffer.from(`${text}\n`), (taken) => void this.taken.push(taken), authorization)
  }

  calls(id: number | string, name: string, args: Message = {}): void {
    this.sends({ id, method: 'tools/call', params: { name, arguments: args } })
  }

  /** The server answers the latest question for its tools. */
  lists(tools: readonly Message[], more: Message = {}): void {
    const asked = this.server.written.findLast(({ method }) => method === 'tools/list')
    this.server.says({ jsonrpc: '2.0', id: asked?.['id'], result: { tools, ...more } })
  }

  /** Codes of the errors that have come back, in place of an answer. */
  get refusals(): (readonly [unknown, unknown])[] {
    vi.runAllTicks()
    vi.advanceTimersByTime(1)
    return this.heard.map(({ id, error }) => [id, (error as { data?: { code?: unknown } } | undefined)?.data?.code])
  }
}

test('policedStart() is the start itself where nothing is bounded', () => {
  const start = (): never => {
    throw new Error('not called')
  }
  expect(policedStart(new PolicyJudge([]), start)).toBe(start)
})

test('a call waits until the server has listed its tools, and is made or refused by what they say', () => {
  const policed = new Policed({ access: 'read' })
  policed.calls(1, 'look')
  policed.calls(2, 'pay')
  policed.calls(3, 'unlisted')
  expect(policed.reached).toEqual(['tools/list'])
  expect(policed.taken).toEqual([true, true, true])
  policed.lists([SEEN], { nextCursor: 'more' })
  policed.lists([HIDDEN])
  expect(policed.reached).toEqual(['tools/list', 'tools/list', 'tools/call'])
  expect(policed.server.written[1]).toMatchObject({ params: { cursor: 'more' } })
  expect(policed.server.written[2]).toMatchObject({ id: 1, params: { name: 'look' } })
  expect(policed.refusals).toEqual([
    [2, 'NOT_OFFERED'],
    [3, 'NOT_OFFERED'],
  ])
  policed.calls(4, 'look')
  policed.calls(5, 'pay')
  expect(policed.reached).toEqual(['tools/list', 'tools/list', 'tools/call', 'tools/call'])
})

test('a change of the tools is heard of before the next call', () => {
  const policed = new Policed({ access: 'read' })
  policed.calls(1, 'look')
  policed.lists([SEEN])
  policed.server.says({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
  policed.calls(2, 'look')
  // It changes once more while the list is on its way.
  policed.server.says({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
  policed.lists([SEEN])
  policed.lists([{ ...SEEN, annotations: { readOnlyHint: false } }])
  expect(policed.server.written.filter(({ method }) => method === 'tools/call')).toMatchObject([{ id: 1 }])
  expect(policed.refusals).toContainEqual([2, 'NOT_OFFERED'])
})

test('a server that does not list its tools has none, and is asked again for the next call', () => {
  const policed = new Policed({ access: 'read' })
  policed.calls(1, 'look')
  vi.advanceTimersByTime(TOOL_LIST_MS)
  expect(policed.refusals).toEqual([[1, 'NOT_OFFERED']])
  policed.calls(2, 'look')
  const asked = policed.server.written.at(-1)
  policed.server.says({ jsonrpc: '2.0', id: asked?.['id'], error: { code: -32603, message: 'no' } })
  policed.calls(3, 'look')
  policed.lists([SEEN])
  expect(policed.refusals).toEqual([
    [1, 'NOT_OFFERED'],
    [2, 'NOT_OFFERED'],
  ])
  expect(policed.server.written.at(-1)).toMatchObject({ id: 3, method: 'tools/call' })
})

test('calls that wait for the list when the server ends were not taken by it, nor is any of them refused', () => {
  verifies('promise.7.list-failure')
  const policed = new Policed({ access: 'read' })
  policed.calls(1, 'look')
  policed.lists([SEEN])
  policed.server.says({ jsonrpc: '2.0', method: 'notifications/tools/list_changed' })
  policed.calls('b', 'look')
  policed.calls('c', 'never was')
  policed.server.ends({ exitCode: 1, untaken: ['1'] })
  expect(policed.end).toMatchObject({ exitCode: 1, untaken: ['1', '"b"', '"c"'] })
  expect(policed.refusals.filter(([, code]) => code !== undefined)).toEqual([])
})

test('a call that is cancelled while it waits is never made', () => {
  const policed = new Policed({ access: 'read' })
  policed.calls(1, 'look')
  policed.sends({ method: 'notifications/cancelled', params: { requestId: 1 } })
  policed.lists([SEEN])
  expect(policed.reached).toEqual(['tools/list'])
})

test('the server of revision 2026-07-28 is asked in the envelope of the call', () => {
  const policed = new Policed({ access: 'read' })
  const envelope = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
  policed.sends({ id: 1, method: 'tools/call', params: { name: 'look', _meta: { ...envelope, progressToken: 7 } } })
  expect(policed.server.written[0]).toMatchObject({ method: 'tools/list', params: { _meta: envelope } })
  expect(JSON.stringify(policed.server.written[0])).not.toContain('progressToken')
})

test('rules on arguments are kept, those of folded and repeated keys too', () => {
  const policed = new Policed({ arguments: ['look(path^=/docs)'] })
  policed.calls(1, 'look', { path: '/docs/a' })
  policed.lists([SEEN])
  policed.calls(2, 'look', { path: '/docs/../etc' })
  policed.calls(3, 'look', { path: '/docs/a', PATH: '/etc' })
  policed.sends('{"jsonrpc":"2.0","id":4,"method":"tools/call","params":{"name":"look","arguments":{"path":"/docs/a","path":"/etc"}}}')
  expect(policed.reached).toEqual(['tools/list', 'tools/call'])
  expect(policed.refusals.map(([id]) => id)).toEqual([2, 3, 4])
})

test.each([
  ['a look-alike of the method', '{"jsonrpc":"2.0","id":1,"method":"tools/list","Method":"tools/call","params":{"name":"pay"}}'],
  ['a second name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","name":"pay"}}'],
  ['a look-alike of the name', '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look","Name":"pay"}}'],
  ['no JSON', 'tools/call'],
])('a line with %s never reaches the server', (_name, line) => {
  const policed = new Policed({ access: 'read' })
  policed.sends(line)
  expect(policed.reached).toEqual([])
  expect(policed.taken).toEqual([true])
})

test('methods that are not known are refused, and notifications of that kind dropped', () => {
  const policed = new Policed({ access: 'read' })
  policed.sends({ id: 1, method: 'tasks/other', params: { taskId: 'x' } })
  policed.sends({ method: 'notifications/vendor', params: {} })
  policed.sends({ id: 2, method: 'ping' })
  policed.sends({ id: 9, result: {} })
  expect(policed.reached).toEqual(['ping', undefined])
  expect(policed.refusals).toEqual([[1, 'METHOD_UNKNOWN']])
})

test('prompts and resources are kept to their own rules', () => {
  const policed = new Policed({ prompts: { deny: ['secret'] }, resources: { allow: ['docs:*'] } })
  policed.sends({ id: 1, method: 'prompts/get', params: { name: 'secret' } })
  policed.sends({ id: 2, method: 'resources/read', params: { uri: 'file:///etc/passwd' } })
  policed.sends({ id: 3, method: 'completion/complete', params: { ref: { type: 'ref/prompt', name: 'secret' }, argument: {} } })
  policed.sends({ id: 4, method: 'resources/read', params: { uri: 'docs:a' } })
  expect(policed.reached).toEqual(['resources/read'])
  expect(policed.refusals.map(([id]) => id)).toEqual([1, 2, 3])
})

test.each([
  ['as it was asked', { jsonrpc: '2.0', id: 1, result: { tools: [SEEN, HIDDEN] } }],
  ['with an id of another type', { jsonrpc: '2.0', id: '1', result: { tools: [SEEN, HIDDEN] } }],
  ['with members that are null', { jsonrpc: '2.0', id: 1, method: null, error: null, result: { tools: [SEEN, HIDDEN] } }],
])('a list that the server gives %s comes without what the policy hides', (_name, answer) => {
  const policed = new Policed({ access: 'read' })
  policed.sends({ id: 1, method: 'tools/list', params: {} })
  policed.server.says(answer)
  expect(policed.heard).toMatchObject([{ id: answer.id, result: { tools: [SEEN] } }])
  expect(JSON.stringify(policed.heard)).not.toContain('pay')
})

test('each list in a batch of the server is cut', () => {
  const policed = new Policed({ access: 'read' })
  policed.sends({ id: 1, method: 'tools/list' })
  policed.server.says(
    JSON.stringify([
      { jsonrpc: '2.0', id: 1, result: { tools: [HIDDEN] } },
      { jsonrpc: '2.0', method: 'notifications/x' },
    ]),
  )
  expect(policed.heard).toEqual([
    { jsonrpc: '2.0', id: 1, result: { tools: [] } },
    { jsonrpc: '2.0', method: 'notifications/x' },
  ])
})

test('a list that cannot be read for certain is withheld', () => {
  const policed = new Policed({ access: 'read' })
  policed.sends({ id: 1, method: 'tools/list' })
  policed.server.says('{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"pay"}]}}')
  expect(policed.refusals[0]).toEqual([1, 'LIST_UNREADABLE'])
  expect(JSON.stringify(policed.heard)).not.toContain('pay')
})

test('of very many calls that wait for the list the last are refused', () => {
  const policed = new Policed({ access: 'read' })
  for (let id = 0; id <= MAX_CALLS_BEHIND_LIST; id++) policed.calls(id, 'look')
  expect(policed.refusals).toEqual([[MAX_CALLS_BEHIND_LIST, 'BACKLOG_FULL']])
})

test('nothing is written any more for a process that is gone', () => {
  const policed = new Policed({ access: 'read' })
  policed.calls(1, 'look')
  policed.server.ends()
  vi.advanceTimersByTime(TOOL_LIST_MS)
  expect(policed.refusals).toEqual([])
})

test('what a client shows reaches the server, and what that refuses for it the client: with its list of tools all that waits for the list', () => {
  verifies('promise.http.pass-auth')
  const policed = new Policed({ access: 'read' })
  policed.shows('Bearer a')
  expect(policed.server.shown).toEqual(['Bearer a'])
  policed.calls(1, 'look')
  policed.calls(2, 'pay')
  const asked = policed.server.written.findLast(({ method }) => method === 'tools/list')
  policed.server.handlers.refused?.(JSON.stringify(asked?.['id']), { code: 'SERVER_SIGN_IN' })
  expect(policed.refusedFor).toEqual(['1', '2'])
  policed.sends({ id: 3, method: 'prompts/list' })
  policed.server.handlers.refused?.('3', { code: 'SERVER_SIGN_IN' })
  expect([policed.refusedFor, policed.refusals]).toEqual([['1', '2', '3'], []])
  policed.calls(4, 'look')
  policed.lists([SEEN])
  expect(policed.reached.at(-1)).toBe('tools/call')
})

test('what was shown with a call goes with it and with the list that is asked for it, whatever is shown while it waits', () => {
  verifies('promise.http.pass-auth')
  const policed = new Policed({ access: 'read' })
  const call = (id: number): Message => ({ id, method: 'tools/call', params: { name: 'look', arguments: {} } })
  policed.sends(call(1), 'Bearer a')
  policed.sends(call(2), 'Bearer b')
  policed.sends({ method: 'notifications/progress', params: {} }, 'Bearer c')
  policed.sends({ id: 3, method: 'prompts/list' }, 'Bearer d')
  policed.lists([SEEN])
  expect(policed.reached).toEqual(['tools/list', 'notifications/progress', 'prompts/list', 'tools/call', 'tools/call'])
  expect(policed.server.shownWith).toEqual(['Bearer a', 'Bearer c', 'Bearer d', 'Bearer a', 'Bearer b'])
})
