import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { check } from '../../../agent/check.ts'
import { agentCommand, parse } from '../../../agent/config/options.ts'
import { prepareConfig } from '../../../agent/config/prepare-config.ts'
import { verifies } from '../../requirements/verifies.ts'

function token(share: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'HS256' })}.${part({ aud: 'mcp-edge/agent', share, iss: 'https://relay.example.com' })}.${'x'.repeat(43)}`
}

test('check() names every command that is not there, and what would be served where all are', () => {
  verifies('promise.config.check')
  const folder = mkdtempSync(join(tmpdir(), 'mcp-edge-check-'))
  const checked = (servers: object): string => {
    writeFileSync(join(folder, 'mcp-edge.json'), JSON.stringify({ servers }))
    const command = agentCommand()
    parse(command, ['--config', 'mcp-edge.json'])
    return check(prepareConfig(command, folder), process.platform)
  }
  try {
    const good = { token: token('a'), command: process.execPath }
    expect(checked({ good })).toContain('good: share a at relay.example.com')
    const missing = { b: { token: token('b'), command: 'no-such-one' }, c: { token: token('c'), command: 'no-such-other' } }
    expect(() => checked({ good, ...missing })).toThrow(/no-such-one.*\n.*no-such-other/s)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
