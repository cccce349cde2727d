import { describe, expect, test } from 'vitest'
import type { CallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { listSessionTools } from '../../../../../worker/mcp/legacy-client/list-tools.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { CALLER, response, rpcAnswer } from './modern-server.ts'

describe('listSessionTools()', () => {
  test('asks the server itself for a page, under an id that no client has', async () => {
    const share = new ScriptedShare().on('call', rpcAnswer(response('{"tools":[]}')))
    expect(await listSessionTools(share.client, CALLER, { e: '1' }, 'v1', 'c')).toMatchObject({ result: { tools: [] } })
    const request = share.asked.call[0]?.[0] as CallRequest
    expect(request).toMatchObject({
      ...CALLER,
      method: 'tools/list',
      bridge: 'v1',
      delivery: 'single',
      rawId: expect.stringMatching(/^"mcp-edge\.tools\.[0-9a-f]{32}"$/) as string,
    })
    expect(request).not.toHaveProperty('canStandBy')
    expect(JSON.parse(new TextDecoder().decode(request.body))).toMatchObject({ params: { cursor: 'c', _meta: { e: 1 } } })
  })

  test.each<[string, unknown]>([
    ['an error', rpcAnswer('{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":"m"}}')],
    ['one that is too long', { kind: 'failed', failure: { code: 'LINE_TOO_LONG', executed: 'yes' } }],
  ])('is undefined for %s', async (_what, outcome) => {
    expect(await listSessionTools(new ScriptedShare().on('call', outcome).client, CALLER, {}, 'v1', undefined)).toBeUndefined()
  })
})
