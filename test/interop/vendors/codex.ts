/** Codex: what it needs to be driven by a script, and nothing of the world. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asArray, asObject } from '../../harness/json.ts'
import { type CommandLine, lineWith } from './command-line.ts'
import { SERVER_NAME } from './model-api.ts'
import { responsesApi } from './responses-api.ts'

const BEARER_VARIABLE = 'EDGE_BEARER'

function settings(modelUrl: string): string {
  return `
model = "scripted"
model_provider = "scripted"
approval_policy = "never"

[model_providers.scripted]
name = "scripted"
base_url = "${modelUrl}/v1"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
`
}

const STATUS_ID = 2
/** `codex mcp list` tells what is configured and connects to nothing; its server for editors has the state of each connection. */
const STATUS_LINES = [
  { id: 1, method: 'initialize', params: { clientInfo: { name: 'interop', version: '1.0.0' } } },
  { method: 'initialized' },
  { id: STATUS_ID, method: 'mcpServerStatus/list', params: {} },
].map((message) => JSON.stringify(message))

export const codex: CommandLine = {
  name: 'codex',
  package: '@openai/codex',
  version: '0.171.0',
  program: 'bin/codex.js',
  api: responsesApi,
  lacks: { sse: 'it has no HTTP+SSE transport' },
  failsOnce: {},
  answers: {},
  environment: (_modelUrl, { bearer }) => (bearer === undefined ? {} : { [BEARER_VARIABLE]: bearer }),
  addServer: async (terminal, { url, bearer }, modelUrl) => {
    const folder = join(terminal.home, '.codex')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'config.toml'), settings(modelUrl))
    const header = bearer === undefined ? [] : ['--bearer-token-env-var', BEARER_VARIABLE]
    await terminal.run(['mcp', 'add', '--url', url, ...header, SERVER_NAME])
  },
  connected: async (terminal) => {
    lineWith(await terminal.run(['mcp', 'list']), new RegExp(`^${SERVER_NAME} .* enabled `))
    const answer = await terminal.ask(['app-server'], STATUS_LINES, new RegExp(`"id":${STATUS_ID}\\b`))
    const { data } = asObject(asObject(JSON.parse(answer))['result'])
    const status = asArray(data).map((entry) => asObject(entry))
    const own = status.find(({ name }) => name === SERVER_NAME)
    const tools = Object.keys(asObject(own?.['tools'] ?? {}))
    if (!tools.includes('echo')) throw new Error(`not connected: ${answer}`)
    return `${SERVER_NAME}: server ${JSON.stringify(asObject(own?.['serverInfo'])['name'])} with ${tools.length} tools`
  },
  signIn: {
    before: /Not logged in/,
    args: ['mcp', 'login', SERVER_NAME],
    addServer: async (terminal, url, modelUrl) => {
      const folder = join(terminal.home, '.codex')
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'config.toml'), `${settings(modelUrl)}\n[mcp_servers.${SERVER_NAME}]\nurl = "${url}"\n`)
    },
  },
  prompt: (text) => ['exec', '--skip-git-repo-check', '--sandbox', 'danger-full-access', text],
}
