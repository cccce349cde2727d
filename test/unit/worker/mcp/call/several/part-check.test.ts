import { expect, test } from 'vitest'
import type { ToolFacts } from '../../../../../../protocol/policy/judge.ts'
import type { KnownGrant } from '../../../../../../worker/carry/known-grants.ts'
import type { ShareClient } from '../../../../../../worker/carry/share-client.ts'
import { callRequest } from '../../../../../../worker/mcp/call/call-request.ts'
import { PartCheck, type PartTools } from '../../../../../../worker/mcp/call/several/part-check.ts'
import { verifies } from '../../../../../requirements/verifies.ts'
import { messageOf } from '../../client-message.ts'

const MESSAGE = messageOf({ id: 7, method: 'tools/call', params: { name: 't' } })
const REQUEST = callRequest({ principal: 'ann', session: 'sess' }, MESSAGE, 'single')
const PART = { agent: 'b', of: 'k' }
const READS: ToolFacts = { isReadOnly: true, isDestructive: false }
const WRITES: ToolFacts = { isReadOnly: false, isDestructive: true }
const LATER = {} as KnownGrant

/** A client that these policies bind, and `later` ones once it hears of them. */
function clientOf(policies: readonly string[], later = policies): ShareClient {
  const bounds: Pick<ShareClient, 'policies' | 'pins'> = {
    policies: (grant) => (grant === LATER ? later : policies),
    pins: () => undefined,
  }
  return bounds as ShareClient
}

function renewed(share: ShareClient, toolsOf: PartTools) {
  const turns = new PartCheck(MESSAGE, toolsOf).turns(share, PART, { request: REQUEST, body: MESSAGE.bytes })
  return { turns, renewal: turns.renew?.({ kind: 'stale', toolsVersion: 'v2' }) }
}

test('PartCheck names a state for a client that is bound, also for one that is bound meanwhile', () => {
  verifies('promise.spread.judged')
  const check = new PartCheck(MESSAGE, () => Promise.resolve('changed'))
  expect(check.named(clientOf(['{"access":"read"}']))).toEqual({ toolsVersion: '' })
  expect(check.named(clientOf([]))).toEqual({})
  const { turns } = renewed(clientOf([], ['{"access":"read"}']), () => Promise.resolve('changed'))
  expect(turns.judge?.(LATER)).toEqual({ toolsVersion: '' })
})

test.each([
  ['goes in the state in which its agent lists the tool as one that only reads', new Map([['t', READS]]), undefined],
  ['does not go where its agent lists the tool as one that does more', new Map([['t', WRITES]]), 'NOT_OFFERED'],
  ['does not go where its agent does not list the tool', new Map<string, ToolFacts>(), 'NOT_OFFERED'],
])('PartCheck: a part %s', async (_what, tools, code) => {
  verifies('promise.spread.judged')
  const asked: unknown[] = []
  const { renewal } = renewed(clientOf(['{"access":"write"}']), (...named) => {
    asked.push(named)
    return Promise.resolve({ tools })
  })
  expect(await renewal).toMatchObject(
    code === undefined ? { kind: 'call', request: { toolsVersion: 'v2' } } : { kind: 'item', item: { failure: { code, executed: 'no' } } },
  )
  expect(asked).toEqual([[PART, 'v2']])
})

test('PartCheck: a part whose agent has other tools by now asks for their state anew, and one whose agent cannot list fails so', async () => {
  verifies('promise.spread.judged')
  const share = clientOf(['{"access":"read"}'])
  expect(await renewed(share, () => Promise.resolve('changed')).renewal).toMatchObject({ kind: 'call', request: { toolsVersion: '' } })
  const failure = { code: 'AGENT_AWAY', executed: 'no' } as const
  expect(await renewed(share, () => Promise.resolve(failure)).renewal).toMatchObject({ kind: 'item', item: { failure } })
})
