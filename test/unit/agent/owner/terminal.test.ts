import { expect, test } from 'vitest'
import { ownProgram } from '../../../../agent/owner/terminal.ts'

test('ownProgram() is what the user has typed to start it', () => {
  expect(ownProgram('node_modules/.bin/node', '/repo/agent/cli.ts', '/repo', {})).toBe('node_modules/.bin/node agent/cli.ts')
  expect(ownProgram('/repo/node_modules/.bin/node', '/repo/agent/cli.ts', '/repo', {})).toBe('node_modules/.bin/node agent/cli.ts')
  expect(ownProgram('node', '/repo/agent/cli.ts', '/home/me', {})).toBe('node /repo/agent/cli.ts')
  expect(ownProgram('node', '/repo/agent/dist/cli.js', '/home/me', {})).toBe('mcp-edge-agent')
  expect(ownProgram('node', '/cache/mcp-edge-agent', '/home/me', { npm_command: 'exec' })).toBe('npx mcp-edge-agent')
})
