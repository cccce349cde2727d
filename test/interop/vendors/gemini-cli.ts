/** Gemini CLI: what it needs to be driven by a script, and nothing of the world. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type CommandLine, lineWith } from './command-line.ts'
import { generateContentApi } from './generate-content-api.ts'
import { SERVER_NAME } from './model-api.ts'

/** With a fixed model it does not ask another one first which model to take. */
const MODEL = 'gemini-2.5-flash'

const SETTINGS = {
  security: { auth: { selectedType: 'gemini-api-key' } },
  privacy: { usageStatisticsEnabled: false },
  general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
}

export const geminiCli: CommandLine = {
  name: 'gemini-cli',
  package: '@google/gemini-cli',
  version: '0.61.0',
  program: 'bundle/gemini.js',
  api: generateContentApi,
  lacks: {},
  failsOnce: { sse: 'its event source comes back without Last-Event-ID, in a new session: a call of the old one has no stream' },
  answers: { roots: 'file:///' },
  environment: (modelUrl) => ({
    GOOGLE_GEMINI_BASE_URL: modelUrl,
    GEMINI_API_KEY: 'none',
    // It connects to no server from a folder that nobody has trusted.
    GEMINI_CLI_TRUST_WORKSPACE: 'true',
  }),
  addServer: async (terminal, { transport, url, bearer }) => {
    const folder = join(terminal.home, '.gemini')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'settings.json'), JSON.stringify(SETTINGS))
    const header = bearer === undefined ? [] : ['--header', `Authorization: Bearer ${bearer}`]
    await terminal.run(['mcp', 'add', '--scope', 'user', '--transport', transport, ...header, SERVER_NAME, url])
  },
  connected: async (terminal) => {
    const line = lineWith(await terminal.run(['mcp', 'list']), new RegExp(`${SERVER_NAME}: .* - Connected$`))
    return line.replace(/: \S+ /, ': … ')
  },
  // Its list knows no more than that there is no connection.
  signIn: { before: /Disconnected/, args: ['--prompt', `/mcp auth ${SERVER_NAME}`], typed: 'y' },
  prompt: (text) => ['--yolo', '--model', MODEL, '--prompt', text],
}
