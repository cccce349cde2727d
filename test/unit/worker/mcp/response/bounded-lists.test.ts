import { describe, expect, test } from 'vitest'
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { splice } from '../../../../../protocol/splice.ts'
import { MAX_BRIDGED_ANSWER_BYTES } from '../../../../../worker/limits.ts'
import type { Item } from '../../../../../worker/mcp/call/item.ts'
import { BoundedLists } from '../../../../../worker/mcp/response/bounded-lists.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const TEXT = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"pay"},{"name":"look","annotations":{"readOnlyHint":true},"n":1.0}]}}'
const CUT = '{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"look","annotations":{"readOnlyHint":true},"n":1.0}]}}'
const READ = { state: '1', policies: ['{"access":"read"}'] }

function answer(size: number): AgentFrame {
  return { type: 'answer', ch: 'c', n: 1, at: 0, size, key: '0'.repeat(32), ra: 'c', id: [22, 23], failed: false }
}

function chunk(offset: number): AgentFrame {
  return { type: 'chunk', ch: 'c', n: 1, at: 0, offset }
}

function frame(header: AgentFrame, text: string): Item {
  return { kind: 'frame', header, body: Buffer.from(text), restarted: false }
}

function nothingHeld(): never {
  throw new Error('nothing is pinned')
}

/** The item that comes of these, as text where it is a frame; and the bytes that were paid for. */
async function boundOf(items: readonly Item[], grant = READ) {
  let paid = 0
  const lists = new BoundedLists({ policies: () => grant.policies, pins: () => undefined }, (bytes) => (paid += bytes), nothingHeld)
  const left = [...items]
  const item = await lists.next(() => Promise.resolve(left.shift()))
  const text = item?.kind === 'frame' ? Buffer.from(splice(item.body, item.edits ?? [])).toString() : undefined
  return { item, text, paid, lists }
}

describe('BoundedLists', () => {
  test('takes out of a list what may not be seen, and leaves the rest as it was', async () => {
    verifies('promise.11.hidden')
    expect((await boundOf([frame(answer(TEXT.length), TEXT)])).text).toBe(CUT)
  })

  test('leaves all as it is where nothing is bounded', async () => {
    expect((await boundOf([frame(answer(TEXT.length), TEXT)], { state: '1', policies: [] })).text).toBe(TEXT)
  })

  test('holds a list back until it is whole, and pays for what it holds once', async () => {
    const items = [frame(answer(TEXT.length), TEXT.slice(0, 50)), frame(chunk(50), TEXT.slice(50, 80)), frame(chunk(80), TEXT.slice(80))]
    const { text, paid, lists } = await boundOf(items)
    expect(text).toBe(CUT)
    expect(paid).toBe(TEXT.length)
    expect(lists.unpaid(TEXT.length)).toBe(0)
    expect(lists.unpaid(3)).toBe(3)
  })

  test('drops what was to be written into an entry that is hidden', async () => {
    const at = TEXT.indexOf('pay')
    const edits = [{ span: [at, at + 3] as const, bytes: Buffer.from('xyz') }]
    const item: Item = { ...frame(answer(TEXT.length), TEXT), edits } as Item
    expect((await boundOf([item])).text).toBe(CUT)
  })

  test('takes out of a response that is text, as kept lists are', async () => {
    const { item } = await boundOf([{ kind: 'response', http: 200, text: TEXT }])
    expect(item).toEqual({ kind: 'response', http: 200, text: CUT })
  })

  test('fails a list that cannot be read for certain, or is too long to be held', async () => {
    const twice = '{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"pay"}]}}'
    expect((await boundOf([frame(answer(twice.length), twice)])).item).toMatchObject({
      header: { type: 'failed', code: 'LIST_UNREADABLE' },
    })
    const long = await boundOf([frame(answer(MAX_BRIDGED_ANSWER_BYTES + 1), TEXT)])
    expect(long.item).toMatchObject({ header: { type: 'failed', code: 'LIST_UNREADABLE' } })
  })

  test("passes on a server's error, and what is no list", async () => {
    const error = '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"pay"}}'
    expect((await boundOf([frame({ ...answer(error.length), failed: true } as AgentFrame, error)])).text).toBe(error)
    const failure: Item = { kind: 'failed', failure: { code: 'AGENT_AWAY' } }
    expect((await boundOf([failure])).item).toEqual(failure)
  })
})
