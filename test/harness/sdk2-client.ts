/** Owns the test client made of `@modelcontextprotocol/client` 2.x in any of its modes. */
import { Client, SSEClientTransport, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { asObject } from './json.ts'
import { bearer, commonOf, noting, requestOptions } from './sdk-client.ts'
import type { Command } from './selfhost.ts'
import { type Ask, CAPABILITIES, CLIENT_INFO, ELICITED, ROOTS, SAMPLED, type TestClient } from './test-client.ts'

const MODERN = '2026-07-28'

/** How a client finds its server's era: `pinned` is for 2026-07-28 and nothing else. */
export type Mode = 'legacy' | 'auto' | 'pinned'

async function connect(transport: Transport, mode: Mode = 'legacy'): Promise<TestClient> {
  const versionNegotiation = { mode: mode === 'pinned' ? { pin: MODERN } : mode }
  const client = new Client(CLIENT_INFO, { capabilities: CAPABILITIES, versionNegotiation })
  const asked: Ask[] = []
  client.setRequestHandler('sampling/createMessage', noting(asked, SAMPLED))
  client.setRequestHandler('elicitation/create', noting(asked, ELICITED))
  client.setRequestHandler('roots/list', noting(asked, ROOTS))
  const common = commonOf(client)
  await client.connect(transport)
  return {
    ...common,
    asked,
    callTool: async (name, args = {}, options = {}) =>
      asObject(await client.callTool({ name, arguments: { ...args } }, requestOptions(options))),
    watch: async ({ toolsListChanged, resourceSubscriptions = [] }) => {
      if (client.getNegotiatedProtocolVersion() === MODERN) {
        const filter = { ...(toolsListChanged ? { toolsListChanged } : {}), resourceSubscriptions: [...resourceSubscriptions] }
        await client.listen(filter)
      } else for (const uri of resourceSubscriptions) await client.subscribeResource({ uri })
    },
  }
}

export async function connectSdk2Http(url: string, token?: string, mode?: Mode): Promise<TestClient> {
  return await connect(new StreamableHTTPClientTransport(new URL(url), bearer(token)), mode)
}

export async function connectSdk2Sse(url: string, token?: string): Promise<TestClient> {
  return await connect(new SSEClientTransport(new URL(url), bearer(token)))
}

export async function connectSdk2Stdio([command, ...args]: Command, mode: Mode): Promise<TestClient> {
  return await connect(new StdioClientTransport({ command, args, stderr: 'ignore' }), mode)
}
