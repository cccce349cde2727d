import { describe, expect, test } from 'vitest'
import { verifies } from '../../../requirements/verifies.ts'
import { AT, ran, SHARE } from './commands-run.ts'

const ENTRY = {
  share: SHARE['share'],
  name: 'docs',
  url: SHARE['url'],
  sse_url: SHARE['sse_url'],
  expires_at: SHARE['expires_at'],
  state: 'online',
  agents: 1,
  server: { name: 'everything', title: 'All of \u001b it', version: '2.0' },
  tools: 12,
}

describe('share catalog', () => {
  test('names each share with its state, its server and its tools, page by page, in 80 columns', async () => {
    verifies('seeds.catalog')
    const { written, asked } = await ran('share catalog', {
      'GET catalog': { body: { servers: [ENTRY], next: '1.c' } },
      'GET catalog?after=1.c': { body: { servers: [{ ...ENTRY, state: 'unused', server: null, tools: null }] } },
    })
    expect(asked).toEqual(['GET catalog', 'GET catalog?after=1.c'])
    expect(written).toMatch(/^SHARE +NAME +STATE +SERVER +TOOLS\nca{31} +docs +online +All of \\u\{1b\}.* +12\n/)
    expect(written).toMatch(/^ca{31} +docs +unused +- +-$/m)
    expect(Math.max(...written.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
    expect(written).not.toContain('\u001b')
  })

  test('lists below a share its servers that have names, each with its state', async () => {
    verifies('seeds.catalog')
    const git = { name: 'git', url: 'u', sse_url: 's', state: 'online', agents: 1, server: { name: 'git-server', version: '1' }, tools: 3 }
    const files = { ...git, name: 'files', state: 'offline', server: null, tools: null }
    const entry = { ...ENTRY, server: null, tools: null, servers: [git, files] }
    const { written } = await ran('share catalog', { 'GET catalog': { body: { servers: [entry] } } })
    expect(written).toMatch(/^ca{31} +docs +online +- +-\n +\/git +online +git-server 1 +3\n +\/files +offline +- +-$/m)
  })

  test('says how much of a server is held back', async () => {
    verifies('seeds.catalog.follows')
    const { written } = await ran('share catalog', { 'GET catalog': { body: { servers: [{ ...ENTRY, tools: 0, held_back: 13 }] } } })
    expect(written).toMatch(/^ca{31} +docs +online .* 0 \(13 held\)$/m)
    expect(Math.max(...written.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
  })

  test('says how a first share is made', async () => {
    expect((await ran('share catalog', { 'GET catalog': { body: { servers: [] } } })).written).toContain('share create')
  })
})

test('share server-json prints the document, in which nothing reaches the terminal', async () => {
  verifies('seeds.server-json')
  const document = { name: 'example.relay/c', title: 'x\u202ey', remotes: [{ type: 'sse' }] }
  const replies = { [`GET ${AT}/server.json`]: { body: document } }
  const { written } = await ran('share server-json docs', replies)
  expect(written.split('\n').length).toBeGreaterThan(5)
  expect(written).toContain('x\\u202ey')
  expect(JSON.parse(written)).toEqual(document)
  expect((await ran('share server-json docs --json', replies)).written.split('\n')).toHaveLength(2)
})
