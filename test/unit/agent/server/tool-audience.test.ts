import { expect, test } from 'vitest'
import { toolAudience } from '../../../../agent/server/tool-audience.ts'

const META = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': { elicitation: {} },
  'io.modelcontextprotocol/clientInfo': { name: 'a', version: '1' },
}

test('toolAudience() is one for clients that say the same of themselves, whatever else their requests say', () => {
  const audience = toolAudience(META)
  expect(audience.envelope).toEqual(META)
  const others = { progressToken: 1, 'io.modelcontextprotocol/logLevel': 'debug', 'com.example/x': 1 }
  expect(toolAudience({ ...META, ...others })).toEqual(audience)
})

test.each([
  ['capabilities', { 'io.modelcontextprotocol/clientCapabilities': {} }],
  ['a name', { 'io.modelcontextprotocol/clientInfo': { name: 'b', version: '1' } }],
  ['a principal', { 'mcp-edge/principal': 'client:b' }],
])('toolAudience() is another for a client with other %s', (_, said) => {
  expect(toolAudience({ ...META, ...said }).name).not.toBe(toolAudience(META).name)
})

test.each([[undefined], [null], [7], [{ progressToken: 1 }]])('toolAudience() of %j is every client', (meta) => {
  expect(toolAudience(meta)).toEqual({ name: '', envelope: undefined })
})
