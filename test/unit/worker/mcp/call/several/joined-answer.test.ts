import { describe, expect, test } from 'vitest'
import { MAX_SPREAD_ANSWER_BYTES, SPREAD_ANSWER_MS } from '../../../../../../worker/routing-limits.ts'
import { JOINED_ID, joinedAnswer, type Said } from '../../../../../../worker/mcp/call/several/joined-answer.ts'
import { verifies } from '../../../../../requirements/verifies.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

const result = (json: string): Uint8Array => encoder.encode(`{"jsonrpc":"2.0","id":7,"result":${json}}`)
const line = (text: string): object => ({ type: 'text', text })

interface Joined {
  readonly result: { content: unknown[]; isError?: boolean; structuredContent?: unknown; resultType?: string; _meta?: object }
}

function joined(all: Readonly<Record<string, Said>>, more: Partial<Parameters<typeof joinedAnswer>[1]> = {}): Joined & { text: string } {
  const said = Object.entries(all).map(([agent, one]) => ({ agent, said: one }))
  const text = decoder.decode(joinedAnswer(said, { left: 0, isTyped: false, era: 'legacy', ...more }))
  return { ...(JSON.parse(text) as Joined), text }
}

describe('joinedAnswer()', () => {
  test('has what each agent says behind its name, in the order of the names, byte for byte', () => {
    verifies('promise.spread.as-sent')
    const { text, result: told } = joined({
      b: result('{"content":[ {"type":"x","n":12345678901234567890, "f":1.0} ,{"type":"y"}]}'),
      a: result('{"content":[]}'),
    })
    expect(told.content).toHaveLength(4)
    expect(told.content.slice(0, 2)).toEqual([line('a'), line('b')])
    expect(text).toContain(' {"type":"x","n":12345678901234567890, "f":1.0} ,{"type":"y"}')
    expect(text.slice(...JOINED_ID)).toBe('0')
  })

  test('has a line for what is no content, and is an error where all are', () => {
    verifies('promise.spread.failures')
    const all: Record<string, Said> = {
      a: { code: 'AGENT_LOST', executed: 'unknown' },
      b: 'late',
      c: 'long',
      d: encoder.encode('{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no \\"such\\" tool"}}'),
      e: result('{"task":{}}'),
      f: result('7'),
      g: result('{"content":"x"}'),
      h: encoder.encode('{"jsonrpc":"2.0","id":1,"result":{"content":[{'),
      i: result('{"content":[{"type":"text","text":"t"}],"isError":true}'),
    }
    const { result: told } = joined(all)
    const nothing = 'its server answered with something that has no content'
    expect(told.content).toEqual([
      line(expect.stringMatching(/^a: AGENT_LOST\. The agent went away/) as string),
      line(`b: no answer within ${SPREAD_ANSWER_MS / 1000} s`),
      line(`c: its answer is longer than ${MAX_SPREAD_ANSWER_BYTES / 1024} KiB`),
      line('d: no "such" tool'),
      ...['e', 'f', 'g', 'h'].map((agent) => line(`${agent}: ${nothing}`)),
      line('i: the tool has failed'),
      line('t'),
    ])
    expect(told.isError).toBe(true)
    expect(joined({ ...all, z: result('{"content":[]}') }).result).not.toHaveProperty('isError')
  })

  test('says how many agents were not asked', () => {
    verifies('promise.10.named')
    expect(joined({ a: result('{"content":[]}') }, { left: 3 }).result.content).toEqual([line('a'), line('3 more agents were not asked')])
  })

  test('has structured content by agent, where all have it and no form is listed for it', () => {
    verifies('promise.spread.as-sent')
    const [some, none] = [result('{"content":[],"structuredContent":{"n":1}}'), result('{"content":[],"structuredContent":null}')]
    expect(joined({ b: some, a: some }).result.structuredContent).toEqual({ a: { n: 1 }, b: { n: 1 } })
    expect(joined({ b: some, a: none }).result).not.toHaveProperty('structuredContent')
    expect(joined({ b: some, a: 'late' }).result).not.toHaveProperty('structuredContent')
  })

  test("keeps to a form that is listed: by the client's own agent, else by the first that has it", () => {
    verifies('promise.spread.as-sent')
    const of = (name: string): Uint8Array => result(`{"content":[],"structuredContent":{"by":"${name}"}}`)
    const typed = { isTyped: true } as const
    expect(joined({ b: of('b'), a: of('a') }, typed).result).toMatchObject({
      structuredContent: { by: 'b' },
      _meta: { 'mcp-edge/agents': { a: { by: 'a' }, b: { by: 'b' } } },
    })
    expect(joined({ b: 'late', c: of('c'), a: of('a') }, typed).result.structuredContent).toEqual({ by: 'a' })
    expect(joined({ b: 'late' }, typed).result).not.toHaveProperty('structuredContent')
  })

  test('says that it is complete to clients of 2026-07-28', () => {
    expect(joined({ a: result('{"content":[]}') }, { era: 'modern' }).result.resultType).toBe('complete')
    expect(joined({ a: result('{"content":[]}') }).result).not.toHaveProperty('resultType')
  })
})
