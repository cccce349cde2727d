/** Owns the test client made of `@modelcontextprotocol/client` 2.x in any of its modes. */
import {
  Client,
  SSEClientTransport,
  type StandardSchemaV1,
  StreamableHTTPClientTransport,
  type Transport,
} from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { asObject, type JsonObject } from './json.ts'
import { bearer, commonOf, noting, requestOptions } from './sdk-client.ts'
import type { Command } from './selfhost.ts'
import { type Ask, CAPABILITIES, CLIENT_INFO, ELICITED, ROOTS, SAMPLED, type TestClient } from './test-client.ts'

const MODERN = '2026-07-28'

/** How a client finds its server's era: `pinned` is for 2026-07-28 and nothing else. */
export type Mode = 'legacy' | 'auto' | 'pinned'

/** Takes any result. */
const ANY_RESULT: StandardSchemaV1 = { '~standard': { version: 1, vendor: 'mcp-edge-tests', validate: (value) => ({ value }) } }

async function connect(transport: Transport, mode: Mode = 'legacy', declared: JsonObject = CAPABILITIES): Promise<TestClient> {
  const versionNegotiation = { mode: mode === 'pinned' ? { pin: MODERN } : mode }
  const client = new Client(CLIENT_INFO, { capabilities: declared, versionNegotiation })
  const asked: Ask[] = []
  client.setRequestHandler('sampling/createMessage', noting(asked, SAMPLED))
  client.setRequestHandler('elicitation/create', noting(asked, ELICITED))
  client.setRequestHandler('roots/list', noting(asked, ROOTS))
  const common = commonOf(client)
  await client.connect(transport)
  return {
    ...common,
    asked,
    declared,
    sdk: { major: 2, client },
    request: async (method, params = {}) => asObject(await client.request({ method, params: { ...params } }, ANY_RESULT)),
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

export async function connectSdk2Http(url: string, token?: string, mode?: Mode, declared?: JsonObject): Promise<TestClient> {
  return await connect(new StreamableHTTPClientTransport(new URL(url), bearer(token)), mode, declared)
}

export async function connectSdk2Sse(url: string, token?: string, declared?: JsonObject): Promise<TestClient> {
  return await connect(new SSEClientTransport(new URL(url), bearer(token)), 'legacy', declared)
}

export async function connectSdk2Stdio([command, ...args]: Command, mode: Mode, declared?: JsonObject): Promise<TestClient> {
  return await connect(new StdioClientTransport({ command, args, stderr: 'ignore' }), mode, declared)
}
