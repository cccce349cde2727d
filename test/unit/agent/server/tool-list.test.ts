import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { MAX_LISTED_TOOLS, MAX_TOOL_LISTS, MAX_TOOL_NAME_CHARS } from '../../../../agent/limits.ts'
import { ToolList } from '../../../../agent/server/tool-list.ts'
import { verifies } from '../../../requirements/verifies.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

interface Asked {
  readonly id: string
  readonly params: { readonly _meta?: unknown; readonly cursor?: string }
}

/** A server that is asked for its tools. */
class ListingServer {
  readonly asked: Asked[] = []
  readonly list = new ToolList((request) => void this.asked.push(JSON.parse(request) as Asked))

  /** Answers a question, the latest where none is named. */
  lists(tools: readonly object[], at = this.asked.length - 1, more: object = {}): void {
    const answer = Buffer.from(`{"result":${JSON.stringify({ tools, ...more })}}`)
    expect(this.list.answered(JSON.stringify(this.asked[at]?.id), answer, answer.indexOf('{"tools"'))).toBe(true)
  }

  /** What is told to a client of a tool; 'nothing yet' while the server is being asked. */
  told(client: string, tool: string): unknown {
    let facts: unknown = 'nothing yet'
    this.list.tell(paramsOf(client), (factsOf) => void (facts = factsOf(tool)))
    return facts
  }
}

function paramsOf(name: string): Record<string, unknown> {
  return { _meta: { 'io.modelcontextprotocol/clientInfo': { name } } }
}

const READS = { name: 'do', annotations: { readOnlyHint: true } }
const CHANGES = { name: 'do', annotations: { readOnlyHint: false } }

test('ToolList tells each client what the server has listed to clients like it', () => {
  verifies('promise.1.audience')
  const server = new ListingServer()
  expect(server.told('a', 'do')).toBe('nothing yet')
  expect(server.told('b', 'do')).toBe('nothing yet')
  expect(server.asked.map(({ params }) => params)).toEqual([paramsOf('a'), paramsOf('b')])
  server.lists([CHANGES], 1)
  server.lists([READS], 0)
  expect(server.told('a', 'do')).toMatchObject({ isReadOnly: true })
  expect(server.told('b', 'do')).toMatchObject({ isReadOnly: false })
  expect(server.asked).toHaveLength(2)
})

test('ToolList asks for each list anew after a change', () => {
  const server = new ListingServer()
  for (const client of ['a', 'b']) {
    server.told(client, 'do')
    server.lists([READS])
  }
  server.list.changed()
  expect([server.told('a', 'do'), server.told('b', 'do')]).toEqual(['nothing yet', 'nothing yet'])
  expect(server.asked).toHaveLength(4)
})

test('ToolList knows the lists of so many kinds of clients, those that were asked for last', () => {
  const server = new ListingServer()
  for (let client = 0; client <= MAX_TOOL_LISTS; client++) {
    server.told(`client ${client}`, 'do')
    server.lists([READS])
  }
  expect(server.told('client 1', 'do')).toMatchObject({ isReadOnly: true })
  expect(server.told('client 0', 'do')).toBe('nothing yet')
})

test('ToolList forgets no list that is on its way', () => {
  const server = new ListingServer()
  const told: unknown[] = []
  for (let client = 0; client <= MAX_TOOL_LISTS; client++)
    server.list.tell(paramsOf(`client ${client}`), (factsOf) => void told.push(factsOf('do')))
  server.lists([READS], 0)
  expect(told).toMatchObject([{ isReadOnly: true }])
})

test('ToolList does not offer what comes behind so many tools', () => {
  const server = new ListingServer()
  server.told('a', 'do')
  const many = Array.from({ length: MAX_LISTED_TOOLS }, (_, at) => ({ name: `t${at}` }))
  server.lists(many, 0, { nextCursor: 'more' })
  server.lists([READS, { name: 't0', annotations: { readOnlyHint: true } }])
  expect(server.told('a', `t${MAX_LISTED_TOOLS - 1}`)).toMatchObject({ isReadOnly: false })
  expect(server.told('a', 'do')).toBeUndefined()
  // Of one that is there already the worse is true.
  expect(server.told('a', 't0')).toMatchObject({ isReadOnly: false })
})

test('ToolList does not offer what comes behind so many characters of names', () => {
  const server = new ListingServer()
  server.told('a', 'do')
  server.lists([{ name: 'x'.repeat(MAX_TOOL_NAME_CHARS) }, READS])
  expect(server.told('a', 'do')).toBeUndefined()
})
