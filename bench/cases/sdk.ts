/** The same call as an application makes it: by the official SDK's client, whose own work is a part of every figure. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type Case, prepared } from './case.ts'
import { loadFigures, runLoad } from '../report/figures.ts'

const WARM_UP_MS = 600

function bySdk(name: string, title: string, count: number): Case {
  return {
    name,
    title,
    columns: [
      { figure: 'p50Ms', heading: 'p50 ms', digits: 2 },
      { figure: 'p99Ms', heading: 'p99 ms', digits: 1 },
      { figure: 'callsPerS', heading: 'calls/s', digits: 0 },
    ],
    // Its fetch sends no Host header but the URL's, by which these tunnels tell their clients apart.
    contenders: ['ours', 'supergateway', 'mcp-proxy'],
    processes: 'standing',
    prepare: async ({ running: { endpoint } }) => {
      const client = new Client({ name: 'bench', version: '1.0.0' })
      await client.connect(new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${endpoint.port}${endpoint.path}`)))
      const call = async (): Promise<void> => {
        const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hello' } })
        if (JSON.stringify(content) !== '[{"type":"text","text":"hello"}]') throw new Error(`tools/call: ${JSON.stringify(content)}`)
      }
      const tasks = Array.from({ length: count }, () => call)
      await runLoad(tasks, WARM_UP_MS)
      return prepared(
        async (forMs) => loadFigures(await runLoad(tasks, forMs)),
        () => client.close(),
      )
    },
  }
}

export const SDK_CASES: readonly Case[] = [
  bySdk('sdk-one-at-a-time', 'One call at a time by the SDK’s client', 1),
  bySdk('sdk-16-in-flight', '16 calls in flight by the SDK’s client', 16),
]
