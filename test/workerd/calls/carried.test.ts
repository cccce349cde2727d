/** What of extensions goes through the relay between the eras: what clients declare, what they notify of, how a listen ends, long lists. */
import { describe, expect, test } from 'vitest'
import { HandshakeChild, postModern, postText } from '../harness/handshake-child.ts'
import { connected } from '../harness/bridged-session.ts'
import { createShare, fetchRelay } from '../harness/relay.ts'
import { bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

const UI = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } }

function notice(method: string): string {
  const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientCapabilities': {} }
  return JSON.stringify({ jsonrpc: '2.0', method, params: { a: 1, _meta: meta } })
}

describe('a client of 2026-07-28', () => {
  test('has a child of its own for what it declares and for its name, which that child is told', async () => {
    const child = await HandshakeChild.connect()
    const clientInfo = { name: 'inspector', version: '3', 'com.example/x': 1 }
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28', 'io.modelcontextprotocol/clientInfo': clientInfo }
    const named = { _meta: { ...meta, 'io.modelcontextprotocol/clientCapabilities': { extensions: UI } } }
    const channels: string[] = []
    for (const [params, capabilities] of [
      [{}, {}],
      [{}, { extensions: UI }],
      [named, {}],
      [{}, { extensions: UI }],
    ] as const) {
      const response = postModern(child.share, 'prompts/list', params, { capabilities })
      const call = await child.expect('call')
      channels.push(call.header.ch)
      child.answer(call, { prompts: [] })
      expect((await response).status).toBe(200)
    }
    expect(channels[3]).toBe(channels[1])
    expect(new Set(channels).size).toBe(3)
    expect(child.initializes.map(({ params }) => [params['capabilities'], params['clientInfo']])).toEqual([
      [{}, { name: 'mcp-edge', version: '1' }],
      [{ extensions: UI }, { name: 'mcp-edge', version: '1' }],
      [{ extensions: UI }, clientInfo],
    ])
  })

  test('is told that it notifies in vain of what is none of the protocol’s own', async () => {
    const share = await createShare()
    await ScriptedAgent.connect(share, { era: 'modern' })
    expect((await postText(share, notice('notifications/cancelled'))).status).toBe(202)
    const refused = await postText(share, notice('notifications/com.example/m'))
    expect([refused.status, await refused.json()]).toMatchObject([404, { error: { data: { code: 'METHOD_UNKNOWN' } } }])
  })

  test('hears the end of its listen as a result when the server ends it', async () => {
    const share = await createShare()
    const agent = await ScriptedAgent.connect(share, { era: 'modern' })
    const response = postModern(share, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, { id: 5 })
    await agent.expect('open')
    const { header } = await agent.expect('call')
    agent.fail(header, 'CANCELLED', 'yes')
    const text = (await (await response).text()).replaceAll(/^data: |^:.*$/gm, '').trim()
    expect(JSON.parse(text)).toEqual({
      jsonrpc: '2.0',
      id: 5,
      result: { resultType: 'complete', _meta: { 'io.modelcontextprotocol/subscriptionId': 5 } },
    })
  })
})

test('a session’s notification of an extension goes to its child of 2026-07-28; one without session is refused', async () => {
  const { client, agent, share } = await connected()
  const sent = client.post('{"jsonrpc":"2.0","method":"notifications/com.example/l","params":{"a":1.0}}')
  const notified = await agent.expect('notify')
  expect([notified.header.method, bodyText(notified)]).toEqual([
    'notifications/com.example/l',
    '{"jsonrpc":"2.0","method":"notifications/com.example/l","params":{"a":1.0}}',
  ])
  agent.send({ type: 'receipts', keys: [notified.header.key] })
  expect((await sent).status).toBe(202)
  const headers = { authorization: `Bearer ${share.clientToken}`, 'content-type': 'application/json' }
  const homeless = await fetchRelay(share.url, {
    method: 'POST',
    headers,
    body: '{"jsonrpc":"2.0","method":"notifications/com.example/l"}',
  })
  expect([homeless.status, await homeless.json()]).toMatchObject([400, { error: { data: { code: 'SESSION_REQUIRED' } } }])
})
