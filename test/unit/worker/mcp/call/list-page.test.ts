import { describe, expect, test } from 'vitest'
import type { ListPage, Unlisted } from '../../../../../worker/bridge/tool-pages.ts'
import { callRequest } from '../../../../../worker/mcp/call/call-request.ts'
import { askListPage } from '../../../../../worker/mcp/call/list-page.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { messageOf } from '../client-message.ts'
import { CALLER, FACTS, response, rpcAnswer } from '../legacy-client/modern-server.ts'

const LIST = messageOf({ id: 0, method: 'tools/list' })

function asked(outcome: unknown, share = new ScriptedShare()): Promise<ListPage | Unlisted | undefined> {
  return askListPage(share.on('call', outcome).client, callRequest(CALLER, LIST, 'single'), LIST.bytes)
}

describe('askListPage()', () => {
  test('asks the server that is there now, in the name of the relay', async () => {
    const share = new ScriptedShare()
    expect(await asked(rpcAnswer(response('{"tools":[]}')), share)).toMatchObject({ result: { tools: [] } })
    expect(share.asked.call[0]?.[0]).toMatchObject({ ...CALLER, isRelays: true })
    expect(share.asked.call[0]?.[0]).not.toHaveProperty('canStandBy')
  })

  test.each<[string, unknown]>([
    ['answers with an error', rpcAnswer('{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":"m"}}')],
    ['answers at too great length', { kind: 'failed', failure: { code: 'LINE_TOO_LONG', executed: 'yes' } }],
  ])('is undefined where the server %s', async (_what, outcome) => {
    verifies('promise.7.list-failure')
    expect(await asked(outcome)).toBeUndefined()
  })

  test('is the failure of the request that waits for the list, which has not run, whatever became of that', async () => {
    verifies('promise.7.list-failure')
    const failure = { code: 'SHARE_BUSY', executed: 'unknown', retryAfterMs: 1000 } as const
    expect(await asked({ kind: 'failed', failure })).toEqual({ ...failure, executed: 'no' })
  })

  test.each<[string, unknown]>([
    ['of its own era is another by now', { kind: 'stale', toolsVersion: 'v2' }],
    ['of the other era is another by now', { kind: 'bridge', facts: FACTS }],
    ['is lost with its agent', { kind: 'failed', failure: { code: 'AGENT_LOST', executed: 'unknown' } }],
    ['has answered, which is kept no more', { kind: 'failed', failure: { code: 'ALREADY_EXECUTED', executed: 'yes' } }],
  ])('is `changed` where the child %s', async (_what, outcome) => {
    verifies('promise.7.list-failure')
    expect(await asked(outcome)).toBe('changed')
  })
})
