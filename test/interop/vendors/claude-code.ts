/** Claude Code: what it needs to be driven by a script, and nothing of the world. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ELICITED } from '../../harness/test-client.ts'
import { type CommandLine, lineWith } from './command-line.ts'
import { messagesApi } from './messages-api.ts'
import { SERVER_NAME } from './model-api.ts'

/** In a run without a person a hook answers for him. */
const ACCEPT = { hookSpecificOutput: { hookEventName: 'Elicitation', ...ELICITED } }
const SETTINGS = { hooks: { Elicitation: [{ hooks: [{ type: 'command', command: `echo '${JSON.stringify(ACCEPT)}'` }] }] } }

export const claudeCode: CommandLine = {
  name: 'claude-code',
  package: '@anthropic-ai/claude-code',
  version: '2.1.332',
  program: 'cli-wrapper.cjs',
  api: messagesApi,
  lacks: {},
  failsOnce: { sse: 'it closes a connection whose stream has broken, and fails the call that is on its way' },
  answers: { elicit: ELICITED.content.name, roots: 'file:///' },
  environment: (modelUrl) => ({
    ANTHROPIC_BASE_URL: modelUrl,
    ANTHROPIC_API_KEY: 'none',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_AUTOUPDATER: '1',
  }),
  addServer: async (terminal, { transport, url, bearer }) => {
    const folder = join(terminal.home, '.claude')
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'settings.json'), JSON.stringify(SETTINGS))
    const header = bearer === undefined ? [] : ['--header', `Authorization: Bearer ${bearer}`]
    await terminal.run(['mcp', 'add', '--transport', transport, SERVER_NAME, url, ...header])
  },
  connected: async (terminal) => {
    lineWith(await terminal.run(['mcp', 'get', SERVER_NAME]), /Status:.*Connected$/)
    return lineWith(await terminal.run(['mcp', 'list']), new RegExp(`^${SERVER_NAME}: .* Connected$`)).replace(/: \S+ /, ': … ')
  },
  signIn: { before: /Needs authentication/, args: ['mcp', 'login', SERVER_NAME] },
  prompt: (text) => ['-p', text, '--allowedTools', `mcp__${SERVER_NAME}`],
}
