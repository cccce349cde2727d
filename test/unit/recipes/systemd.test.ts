import { describe, expect, test } from 'vitest'
import { EXIT } from '../../../agent/exit.ts'
import { verifies } from '../../requirements/verifies.ts'
import { agentVariables, agentWords, behind, isInCheckout, readRecipe, relayWords, settings } from './recipe-files.ts'

const agent = readRecipe('systemd/mcp-edge-agent.service')
const relay = readRecipe('systemd/mcp-edge-relay.service')

describe.each([
  { name: 'mcp-edge-agent.service', unit: agent },
  { name: 'mcp-edge-relay.service', unit: relay },
])('$name', ({ unit }) => {
  test('lets calls end, and the program end what it has started', () => {
    verifies('promise.recipes.services')
    expect(settings(unit, 'KillMode')).toEqual(['mixed'])
    expect(settings(unit, 'TimeoutStopSec').map(Number.parseFloat)).toEqual([30])
  })

  test('is hardened, but for what JavaScript needs', () => {
    verifies('promise.recipes.services')
    expect(settings(unit, 'NoNewPrivileges')).toEqual(['true'])
    expect(settings(unit, 'MemoryDenyWriteExecute')).toEqual([])
  })
})

test('mcp-edge-agent.service runs the agent with the token in a credential, and not again after what is final', () => {
  verifies('promise.recipes.services')
  const words = settings(agent, 'ExecStart')[0]?.split(' ') ?? []
  expect(words.slice(0, 2).map((word) => isInCheckout(word.replace('%h/mcp-edge/', '')))).toEqual([true, true])
  expect(agentWords(behind('agent/cli.ts', words)).slice(0, 2)).toEqual(['npx', '-y'])
  const [credential = ''] = settings(agent, 'LoadCredential')
  const [token = ''] = settings(agent, 'Environment')
  expect(token).toBe(`MCP_EDGE_TOKEN_FILE=%d/${credential.split(':')[0]}`)
  expect(agentVariables()).toContain(token.split('=')[0])
  const final = [EXIT.USAGE, EXIT.AUTH, EXIT.CHILD, EXIT.ENDED]
  expect(settings(agent, 'RestartPreventExitStatus')[0]?.split(' ').map(Number)).toEqual(final)
})

test('mcp-edge-relay.service runs the relay as a user of its own, in its state folder, and keeps the owner key out of the journal', () => {
  verifies('promise.recipes.services')
  const words = settings(relay, 'ExecStart')[0]?.split(' ') ?? []
  expect(words.slice(0, 2).map((word) => isInCheckout(word.replace('/opt/mcp-edge/', '')))).toEqual([true, true])
  const { relayOnly, json, data } = relayWords(behind('selfhost/start.ts', words))
  expect({ relayOnly, json, data }).toEqual({ relayOnly: true, json: true, data: `/var/lib/${settings(relay, 'StateDirectory')[0]}` })
  expect(settings(relay, 'StandardOutput')).toEqual(['null'])
  expect(settings(relay, 'User')).toEqual(['mcp-edge'])
})
