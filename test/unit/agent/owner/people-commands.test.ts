import { describe, expect, test } from 'vitest'
import { verifies } from '../../../requirements/verifies.ts'
import { AT, ran } from './commands-run.ts'

const ID = `1${'0'.repeat(23)}`

function personBody(parts: object = {}): Record<string, unknown> {
  return {
    id: ID,
    name: 'Ann',
    status: 'active',
    principal: `person:${ID}`,
    created_at: '2026-11-29T14:00:00.000Z',
    expires_at: '2026-12-02T14:00:00.000Z',
    policy: { access: 'read' },
    ...parts,
  }
}

describe('people add', () => {
  test.each([
    ['people add docs Ann', { name: 'Ann' }],
    ['people add docs ann@example.com --expires 3d', { email: 'ann@example.com', expires_in: 259_200 }],
    ['people add docs Ann --access write --deny rm', { name: 'Ann', policy: { access: 'write', tools: { deny: ['rm'] } } }],
  ])('%j asks for %j, and shows code and URL', async (line, body) => {
    const { name, ...rest } = personBody()
    const who = 'email' in body ? { email: 'ann@example.com' } : { name }
    const made = { ...rest, ...who, code: 'mfzw-code', url: 'https://c.share.example/mcp' }
    const told = await ran(line, { [`POST ${AT}/people`]: { status: 201, body: made } })
    expect([told.error, told.body]).toEqual([undefined, body])
    expect(told.written).toMatch(/^(Ann|ann@example\.com) \(1/)
    expect(told.written).toContain('may only read on docs, until ')
    expect(told.written).toContain('\n  https://c.share.example/mcp\n')
    expect(told.written).toContain('\n  mfzw-code\n')
    expect(told.written).toContain(`\n  mcp-edge-agent people remove docs ${ID}\n`)
  })

  test('says where the web app is, where the relay does', async () => {
    verifies('promise.14.sign-in')
    const made = { ...personBody(), code: 'mfzw-code', url: 'https://c.share.example/mcp' }
    const shown = async (body: object): Promise<string> =>
      (await ran('people add docs Ann', { [`POST ${AT}/people`]: { status: 201, body } })).written
    const written = await shown({ ...made, web_url: 'https://c-app.share.example/' })
    expect(written).toContain('(--http), they open this in a browser')
    expect(written).toContain('\n  https://c-app.share.example/\n')
    expect(Math.max(...written.split('\n').map((row) => row.length))).toBeLessThanOrEqual(80)
    expect(await shown(made)).not.toContain('--http')
  })

  test('tells the warning of the relay', async () => {
    const body = { ...personBody(), code: 'mfzw-code', url: 'https://c.share.example/mcp', warning: 'No tool\u001b only reads.' }
    const { noted } = await ran('people add docs Ann', { [`POST ${AT}/people`]: { status: 201, body } })
    expect(noted).toContain('mcp-edge-agent: No tool\\u{1b} only reads.\n')
  })

  test('tells wrong options before anybody is asked', async () => {
    for (const wrong of ['--expires soon', '--policy {}x', '--read-only --access admin'])
      expect(await ran(`people add docs Ann ${wrong}`)).toMatchObject({ error: { exit: 1 }, asked: [] })
  })
})

test('people list fits 80 columns, and its JSON is what the API answers', async () => {
  const people = [personBody({ name: 'n'.repeat(100) }), personBody({ name: undefined, email: 'b@example.com', status: 'pending' })]
  const replies = { [`GET ${AT}/people`]: { body: { people } } }
  const { written } = await ran('people list docs', replies)
  expect(Math.max(...written.split('\n').map((row) => row.length))).toBe(80)
  expect(written).toMatch(/^PERSON +NAME +STATUS +MAY +ENDS\n/)
  expect(written).toMatch(/ b@example\.com +pending +read +2026-12-02 /)
  expect(JSON.parse((await ran('people list docs --json', replies)).written)).toEqual({
    people: JSON.parse(JSON.stringify(people)) as unknown,
  })
  expect((await ran('people list docs', { [`GET ${AT}/people`]: { body: { people: [] } } })).written).toMatch(/^No people\. Invite/)
})

describe('people remove', () => {
  const gone = personBody({ id: `2${'0'.repeat(23)}`, status: 'revoked' })
  const replies = { [`GET ${AT}/people`]: { body: { people: [personBody(), gone] } }, [`DELETE ${AT}/people/${ID}`]: { status: 204 } }

  test.each(['Ann', ID])('finds whom it is told, %s, among those who were not removed', async (named) => {
    const { asked, written, error } = await ran(`people remove docs ${named}`, replies)
    expect([error, asked.at(-1)]).toEqual([undefined, `DELETE ${AT}/people/${ID}`])
    expect(written).toMatch(/^Ann \(1.*\) has no access to docs any more\.\n$/)
  })

  test('says where to look when there is nobody of that name', async () => {
    const { error } = await ran('people remove docs Bob', replies)
    expect(error).toMatchObject({ exit: 7, code: 'PERSON_NOT_FOUND', message: expect.stringContaining('people list') as string })
  })
})
