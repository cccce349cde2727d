import { describe, expect, test } from 'vitest'
import { encodeFrame } from '../../../../../protocol/frame-codec.ts'
import type { CallOutcome, CallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { listToolsFor } from '../../../../../worker/mcp/modern-client/list-tools.ts'
import { bytesOf, textOf } from '../../bridge/bytes.ts'
import { modernCall } from './modern-request.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../scripted-share.ts'

// What the Worker's runtime adds to the courier is of no account here.
/** The outcome of a call that is answered with this. */
function answered(text: string): CallOutcome {
  const body = bytesOf(text)
  const idAt = text.indexOf('"id":') + 5
  const place = { ch: 'c', n: 1, at: body.length, size: body.length, key: '0'.repeat(32), ra: 'r', id: [idAt, idAt + 1] } as const
  return { kind: 'frame', frame: encodeFrame({ type: 'answer', ...place, failed: false }, body), restarted: false }
}

function requestTo(share: ScriptedShare): CallRequest {
  return share.asked.call[0]?.[0] as CallRequest
}

const LIST = '{"jsonrpc":"2.0","id":0,"result":{"tools":[]}}'

describe('listToolsFor()', () => {
  test('asks in the name of the client that calls, with its envelope and without its progress token', async () => {
    const share = new ScriptedShare().on('call', answered(LIST))
    expect(await listToolsFor(modernCall(share, { token: 't' }), undefined, undefined)).toMatchObject({ result: { tools: [] } })
    const request = requestTo(share)
    expect(request).toMatchObject({ principal: 'p', group: 'g', capabilities: ['elicitation'], method: 'tools/list', delivery: 'single' })
    expect(JSON.parse(textOf(request.body))).toEqual({
      jsonrpc: '2.0',
      id: 0,
      method: 'tools/list',
      params: {
        _meta: {
          'io.modelcontextprotocol/protocolVersion': '2026-07-28',
          'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
        },
      },
    })
  })

  test('takes no answer that is kept from before', async () => {
    const share = new ScriptedShare().on('call', answered(LIST))
    await listToolsFor(modernCall(share), undefined, undefined)
    expect(requestTo(share)).not.toHaveProperty('canStandBy')
  })

  test('asks a server of the handshake era in its own way, for the page that a cursor names', async () => {
    const share = new ScriptedShare().on('call', answered(LIST))
    await listToolsFor(modernCall(share), 'v1', 'page 2')
    expect(requestTo(share)).toMatchObject({ bridge: 'v1' })
    expect(textOf(requestTo(share).body)).toBe('{"jsonrpc":"2.0","id":0,"method":"tools/list","params":{"cursor":"page 2"}}')
  })

  test.each(['{"jsonrpc":"2.0","id":0,"error":{"code":-32601,"message":"m"}}', '{"jsonrpc":"2.0","id":0,"result":[]}'])(
    'gives nothing for %s',
    async (answer) => {
      const share = new ScriptedShare().on('call', answered(answer))
      expect(await listToolsFor(modernCall(share), undefined, undefined)).toBeUndefined()
    },
  )

  test('gives the failure of the call, of which nothing has run', async () => {
    verifies('promise.7.list-failure')
    const share = new ScriptedShare().on('call', { kind: 'failed', failure: { code: 'CHILD_DIED', executed: 'unknown' } })
    expect(await listToolsFor(modernCall(share), undefined, undefined)).toEqual({ code: 'CHILD_DIED', executed: 'no' })
  })
})
