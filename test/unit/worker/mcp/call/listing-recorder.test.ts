import { afterEach, describe, expect, test } from 'vitest'
import type { Answer } from '../../../../../protocol/frame.ts'
import { listingFrom, type ListingOrder } from '../../../../../worker/contract/listings.ts'
import { MAX_LISTING_BYTES } from '../../../../../worker/limits.ts'
import { ListingRecorder } from '../../../../../worker/mcp/call/listing-recorder.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { background } from '../../cloudflare-workers.ts'

const LIST = { method: 'tools/list', canStandBy: true } as const
const SESSION = { principal: 'ann', session: 'sess', delivery: 'stream' } as const
const GROUP = { principal: 'ann', capabilities: ['roots'] } as const
const ANSWER = new TextEncoder().encode('{"jsonrpc":"2.0","id":7,"result":{"tools":[]}}')

function headerOf(members: Partial<Answer> = {}): Answer {
  return { type: 'answer', ch: 'sess.1', n: 1, at: 0, size: ANSWER.length, key: 'k', ra: 'ck', id: [16, 17], failed: false, ...members }
}

/** What the Share is told to keep of an answer; `listed` as in `record`. */
async function keptOf(asker: Parameters<ListingRecorder['record']>[2], header = headerOf(), listed = ''): Promise<ListingOrder[]> {
  const share = new ScriptedShare()
  ListingRecorder.of(share.client, LIST)?.record(header, ANSWER, asker, listed)
  await Promise.all(background)
  return share.asked.noteListing.map(([order]) => order as ListingOrder)
}

afterEach(() => {
  background.length = 0
})

describe('ListingRecorder.of()', () => {
  test('is undefined for an answer that is not kept', () => {
    const { client } = new ScriptedShare()
    expect(ListingRecorder.of(client, { method: 'tools/list' })).toBeUndefined()
    expect(ListingRecorder.of(client, { method: 'ping', canStandBy: true })).toBeUndefined()
    expect(ListingRecorder.of(client, LIST)).toBeDefined()
  })
})

describe('ListingRecorder.record()', () => {
  test('has the Share keep an answer that is new, with whom it is for and the era of its server', async () => {
    const facts = {
      name: 'tools/list',
      ch: 'sess.1',
      answer: listingFrom(ANSWER),
      digest: expect.stringMatching(/^[a-z2-7]{26}$/) as unknown,
    }
    expect(await keptOf(SESSION)).toEqual([{ ...facts, client: { principal: 'ann', session: 'sess' }, era: 'legacy' }])
    expect(await keptOf({ ...SESSION, bridge: 'v' })).toMatchObject([{ era: 'modern' }])
    expect(await keptOf(GROUP)).toEqual([{ ...facts, client: GROUP, era: 'modern' }])
    expect(await keptOf({ ...GROUP, bridge: 'v' })).toMatchObject([{ era: 'legacy' }])
  })

  test('has nothing kept that is kept already', async () => {
    const [order] = await keptOf(SESSION)
    expect(await keptOf(SESSION, headerOf(), order?.digest)).toEqual([])
  })

  test('puts an answer together that comes in parts', async () => {
    const share = new ScriptedShare()
    const recorder = ListingRecorder.of(share.client, LIST)
    recorder?.record(headerOf(), ANSWER.subarray(0, 9), SESSION, '')
    recorder?.record({ type: 'chunk', ch: 'sess.1', n: 2, at: 0, offset: 9 }, ANSWER.subarray(9), SESSION, '')
    expect(background).toEqual([])
    recorder?.record({ type: 'chunk', ch: 'sess.1', n: 1, at: 0, offset: 9 }, ANSWER.subarray(9), SESSION, '')
    await Promise.all(background)
    expect(share.asked.noteListing).toHaveLength(1)
  })

  test.each<[string, Parameters<ListingRecorder['record']>[2], Answer]>([
    ['an error', SESSION, headerOf({ failed: true })],
    ['a list that is too large for a row', SESSION, headerOf({ size: MAX_LISTING_BYTES + 1 })],
    ['what a server offers a client that it cannot ask', { ...SESSION, bridge: 'v', delivery: 'single' }, headerOf()],
  ])('keeps nothing of %s', async (_what, asker, header) => {
    expect(await keptOf(asker, header)).toEqual([])
  })

  test('disturbs nobody when the Share does not keep it', async () => {
    const share = new ScriptedShare().on('noteListing', new Error('broken'))
    ListingRecorder.of(share.client, LIST)?.record(headerOf(), ANSWER, SESSION, '')
    await expect(Promise.all(background)).resolves.toEqual([undefined])
  })
})
