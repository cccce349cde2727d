import { describe, expect, test } from 'vitest'
import { verifies } from '../../../requirements/verifies.ts'
import { AT, ran, SHARE } from './commands-run.ts'
import { tokenBody } from './test-api.ts'

const HOST = `https://${'a'.repeat(56)}-agent.share.example`

describe('token create --kind agent', () => {
  test('--form host asks for a secret host name, and shows the URL and whom it is for', async () => {
    verifies('foreign.cpp-mcp.secret-host')
    const body = tokenBody('a', { kind: 'agent', policy: null, agent_url: HOST })
    const told = await ran('token create docs --kind agent --form host --name lab', { [`POST ${AT}/tokens`]: { status: 201, body } })
    expect([told.error, told.body]).toEqual([undefined, { kind: 'agent', form: 'host', name: 'lab' }])
    expect(told.written).toContain(`\n  ${HOST}\n`)
    expect(told.written).toMatch(/cpp-mcp.*proxy_url/)
    expect(told.written).not.toContain('MCP_EDGE_TOKEN')
  })

  test('says what to do where --form is given for a client, before anybody is asked', async () => {
    verifies('foreign.cpp-mcp.secret-host')
    for (const kind of ['', ' --kind client'])
      expect(await ran(`token create docs${kind} --form host`)).toMatchObject({
        error: { exit: 1, message: expect.stringContaining('--kind agent') as string },
        asked: [],
      })
  })

  test('of a share that points at a server is refused, with what to do instead', async () => {
    verifies('promise.upstream.settings')
    const shares = [{ ...SHARE, upstream: { url: 'https://mcp.example.com/mcp', headers: [] } }]
    const { error, asked } = await ran('token create docs --kind agent', { 'GET shares': { body: { shares } } })
    expect(error).toMatchObject({ exit: 8, code: 'UPSTREAM_SETTING' })
    expect(error).toHaveProperty('message', expect.stringMatching(/docs points at https:\/\/mcp\.example\.com\/mcp.*would serve nobody/))
    expect(error).toHaveProperty('message', expect.stringMatching(/token create .* --read-only.*share create/))
    expect(asked).toEqual(['GET shares'])
  })
})
