import { describe, expect, test } from 'vitest'
import { AT, ran } from './commands-run.ts'

function sessionBody(id: string, name: string | null, parts: object = {}): Record<string, unknown> {
  return {
    id,
    kind: 'session',
    principal: 'client:9f86',
    link: { id: '9f86', name },
    client: { name: 'claude-code', version: '2.1.0' },
    transport: 'http',
    revision: '2025-11-25',
    started_at: '2026-11-29T14:00:00.000Z',
    last_call_at: null,
    agent: 'laptop',
    lane: 0,
    ...parts,
  }
}

const SESSIONS = [
  sessionBody('k3v7qzj2m5xap', 'for Ann'),
  sessionBody('a'.repeat(13), 'Bob'),
  sessionBody('b'.repeat(13), 'Bob', { client: { name: null, version: null }, started_at: null }),
  sessionBody('c'.repeat(13), null),
]
const LIST = { [`GET ${AT}/sessions`]: { body: { sessions: SESSIONS } } }

describe('sessions list', () => {
  test('names each by its link, and fits 80 columns', async () => {
    const { written } = await ran('sessions list docs', LIST)
    expect(written).toMatch(/^SESSION +LINK +CLIENT +SINCE +LAST CALL\nk3v7qzj2m5xap {2}for Ann +claude-code 2\.1\.0 +2026-11-29 /)
    expect(written).toMatch(/^b{13} {2}Bob +- +- +-$/m)
    expect(written).toMatch(/^c{13} {2}client:9f86 /m)
    expect(Math.max(...written.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
    expect((await ran('sessions list docs', { [`GET ${AT}/sessions`]: { body: { sessions: [] } } })).written).toBe('No clients.\n')
  })

  test('says at which of several servers each is, and that one of these did not answer', async () => {
    const body = { sessions: [sessionBody('a'.repeat(13), 'Ann', { server: 'git' })], unreached_servers: ['files'] }
    const { written, error } = await ran('sessions list docs', { [`GET ${AT}/sessions`]: { body } })
    expect(written).toContain('claude-code 2.1.0 (git)')
    expect(error).toMatchObject({ exit: 9, code: 'LANES_UNREACHED' })
  })

  test('ends with 9 when lanes did not answer, and shows what the others have', async () => {
    const body = { sessions: SESSIONS, unreached_lanes: [1] }
    const { written, error } = await ran('sessions list docs --json', { [`GET ${AT}/sessions`]: { body } })
    expect(JSON.parse(written)).toEqual(body)
    expect(error).toMatchObject({ exit: 9, code: 'LANES_UNREACHED' })
  })
})

describe('sessions disconnect', () => {
  test.each([
    ['k3v7qzj2m5xap', 'k3v7qzj2m5xap'],
    ['client:9f86', 'c'.repeat(13)],
  ])('ends the session that %j names', async (named, id) => {
    const { written, asked } = await ran(`sessions disconnect docs ${named}`, { ...LIST, [`DELETE ${AT}/sessions/${id}`]: { status: 204 } })
    expect(asked.at(-1)).toBe(`DELETE ${AT}/sessions/${id}`)
    expect(written).toContain(`Session ${id} of `)
  })

  test.each([
    ['Bob', { exit: 1, code: 'NAME_AMBIGUOUS' }],
    ['Carl', { exit: 7, code: 'SESSION_NOT_FOUND' }],
  ])('ends none when told %s', async (named, error) => {
    expect(await ran(`sessions disconnect docs ${named}`, LIST)).toMatchObject({ error, written: '' })
  })
})
