/** Owns the test client made of `@modelcontextprotocol/sdk` 1.x, over any transport. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js'
import { CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema, ResultSchema } from '@modelcontextprotocol/sdk/types.js'
import type { Command } from './selfhost.ts'
import { asObject, type JsonObject } from './json.ts'
import { bearer, commonOf, noting, requestOptions } from './sdk-client.ts'
import { type Ask, CAPABILITIES, CLIENT_INFO, ELICITED, ROOTS, SAMPLED, type TestClient } from './test-client.ts'

async function connect(transport: Transport, declared: JsonObject = CAPABILITIES): Promise<TestClient> {
  const client = new Client(CLIENT_INFO, { capabilities: declared })
  const asked: Ask[] = []
  client.setRequestHandler(CreateMessageRequestSchema, noting(asked, SAMPLED))
  client.setRequestHandler(ElicitRequestSchema, noting(asked, ELICITED))
  client.setRequestHandler(ListRootsRequestSchema, noting(asked, ROOTS))
  const common = commonOf(client)
  await client.connect(transport)
  return {
    ...common,
    asked,
    declared,
    sdk: { major: 1, client },
    request: async (method, params = {}) => asObject(await client.request({ method, params: { ...params } }, ResultSchema)),
    callTool: async (name, args = {}, options = {}) =>
      asObject(await client.callTool({ name, arguments: { ...args } }, undefined, requestOptions(options))),
    watch: async ({ resourceSubscriptions = [] }) => {
      for (const uri of resourceSubscriptions) await client.subscribeResource({ uri })
    },
  }
}

export async function connectSdk1Http(url: string, token?: string, declared?: JsonObject): Promise<TestClient> {
  return await connect(new StreamableHTTPClientTransport(new URL(url), bearer(token)), declared)
}

export async function connectSdk1Sse(url: string, token?: string, declared?: JsonObject): Promise<TestClient> {
  return await connect(new SSEClientTransport(new URL(url), bearer(token)), declared)
}

/** Speaks stdio to a program, which may itself be a client of ours. */
export async function connectSdk1Stdio(
  [command, ...args]: Command,
  env: Record<string, string> = {},
  declared?: JsonObject,
): Promise<TestClient> {
  return await connect(new StdioClientTransport({ command, args, env, stderr: 'ignore' }), declared)
}
