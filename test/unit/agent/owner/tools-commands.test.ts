/** `tools list|diff|accept` as their users type them, against an API that a test scripts. */
import { describe, expect, test } from 'vitest'
import { runOwner } from '../../../../agent/owner/program.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { type Replies, shareBody, TestApi, tokenBody } from './test-api.ts'
import { testTerminal } from './test-terminal.ts'

const SHARE = shareBody('c')
const AT = `shares/${String(SHARE['share'])}`
const NONE = { tools: [], prompts: [], resources: [], resource_templates: [], ui: [], instructions: [], server_info: [] }
const DIGEST = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'
const LOOK = { name: 'look', state: 'changed', digest: DIGEST, read_only: true }
const SHOWN = { pinning: 'on', listed_at: '2026-11-29T14:00:00.000Z', unpinned: [], ...NONE }

async function ran(args: readonly string[], replies: Replies = {}) {
  await using relay = await TestApi.start({ 'GET shares': { body: { shares: [SHARE] } }, ...replies })
  const terminal = testTerminal({ variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: relay.origin } })
  await runOwner(args, terminal)
  return Object.assign(terminal, { asked: relay.asked })
}

describe('tools list', () => {
  test('shows each entry with its state, and what to do about what is held back', async () => {
    verifies('promise.11.accepted')
    const tools = [LOOK, { ...LOOK, name: 'pay', state: 'pinned' }]
    const { written } = await ran(['tools', 'list', 'docs'], { [`GET ${AT}/tools`]: { body: { ...SHOWN, tools } } })
    expect(written).toMatch(/^tool {2}look {2}changed$/m)
    expect(written).toContain(`Held back: 1. See what they say, and accept: mcp-edge-agent tools diff ${String(SHARE['share'])}\n`)
  })

  test('shows once what a server and the merged one list alike, with where it is, and twice what they do not', async () => {
    verifies('servers.merged-shown')
    const both = (name: string, ...states: readonly [string, string]): object[] => [
      { ...LOOK, name, state: states[0], merged: true },
      { ...LOOK, name, state: states[1], server: 'git' },
    ]
    const tools = [...both('git__look', 'pinned', 'pinned'), ...both('git__pay', 'new', 'pinned')]
    const replies = { [`GET ${AT}/tools`]: { body: { ...SHOWN, tools, server_info: both('serverInfo', 'pinned', 'pinned') } } }
    const { written } = await ran(['tools', 'list', 'docs'], replies)
    expect(written).toMatch(/^server info +serverInfo +\(merged\) +pinned\nserver info +serverInfo +git +pinned$/m)
    expect(written).toMatch(
      /^KIND +NAME +SERVER +STATE\ntool +git__look +git, \(merged\) +pinned\ntool +git__pay +\(merged\) +new\ntool +git__pay +git +pinned\n/m,
    )
    expect(written).toContain('Held back: 1.')
    const changes = [{ ...LOOK, name: 'git__pay', state: 'new', merged: true, kind: 'tools', before: null, after: '{}' }]
    const diff = await ran(['tools', 'diff', 'docs'], { [`GET ${AT}/tools/diff`]: { body: { ...SHOWN, changes } } })
    expect(diff.written).toContain('tools git__pay (new, in the merged server)\n')
  })

  test.each([
    [{ pinning: 'off', listed_at: null, ...NONE }, /^Pinning is off: nothing is held back\./],
    [{ pinning: 'on', listed_at: null, ...NONE }, /^Nothing is pinned yet/],
    [{ ...SHOWN, unpinned: ['resources'] }, /but not resources: there are too many to be pinned\./],
    [
      { ...SHOWN, listing_problem: { code: 'LISTING_TOO_LARGE', message: 'Too\u001b much. Less.', kinds: ['tools', 'ui'] } },
      /^Too\\u\{1b\} much\. Less\. \(tools, ui\) \[LISTING_TOO_LARGE\]$/m,
    ],
  ])('says how it stands: %#', async (body, text) => {
    verifies('promise.11.pinned-bounded')
    expect((await ran(['tools', 'list', 'docs'], { [`GET ${AT}/tools`]: { body } })).written).toMatch(text)
  })

  test('writes nothing of a server that a terminal would obey, and with --json what the API says', async () => {
    verifies('promise.11.accepted')
    const body = { ...SHOWN, tools: [{ ...LOOK, name: '\u001b[2J\u202elook\u009b2J\u007f' }] }
    const replies = { [`GET ${AT}/tools`]: { body } }
    expect((await ran(['tools', 'list', 'docs'], replies)).written).toContain('\\u{1b}[2J\\u{202e}look\\u{9b}2J\\u{7f}')
    const { written } = await ran(['tools', 'list', 'docs', '--json'], replies)
    expect(written.trimEnd()).toMatch(/^[\x20-\x7e]*$/)
    expect(JSON.parse(written)).toEqual(body)
  })
})

describe('tools diff', () => {
  test('shows an entry as it was accepted and as it is, without controls, and the order that accepts exactly that', async () => {
    verifies('promise.11.accepted')
    const changes = [{ ...LOOK, kind: 'tools', before: '{"a":1}', after: '{"a":2}\u001b[31m' }]
    const { written } = await ran(['tools', 'diff', 'docs'], { [`GET ${AT}/tools/diff`]: { body: { ...SHOWN, changes } } })
    expect(written).toBe(`tools look (changed)
- {"a":1}
+ {"a":2}\\u{1b}[31m
  mcp-edge-agent tools accept ${String(SHARE['share'])} look@${DIGEST}
`)
  })

  test('begins no line with what a server says, however long it is and whatever it looks like', async () => {
    verifies('promise.11.accepted')
    const lines = (lead: string): string =>
      [lead, `tools pay (pinned)`, '- {"a":1}', '+ {"a":1}', `  mcp-edge-agent tools accept x pay@${DIGEST}`]
        .map((line) => line.padEnd(80))
        .join('')
    const wide = `${'\u{1f468}\u200d'.repeat(60)}${lines('x')}${'e\u0301'.repeat(60)}${lines('\u{1f1e9}\u{1f1ea}'.repeat(40))}`
    const changes = [lines('x'), wide].map((text) => ({ ...LOOK, name: text, kind: 'tools', before: text, after: text }))
    const { written } = await ran(['tools', 'diff', 'docs'], { [`GET ${AT}/tools/diff`]: { body: { ...SHOWN, changes } } })
    const [share, rows] = [String(SHARE['share']), written.trimEnd().split('\n')]
    const own = rows.filter((row) => !/^(?:- | {4}|\+ )/.test(row))
    expect(own).toEqual([
      expect.stringMatching(/^tools x {5}/),
      `  mcp-edge-agent tools accept ${share} @${DIGEST}`,
      '',
      expect.stringMatching(/^tools /),
      `  mcp-edge-agent tools accept ${share} @${DIGEST}`,
    ])
    for (const row of rows.filter((one) => !own.includes(one))) {
      // Two columns for each picture, whether a terminal can join them or not.
      const columns = [...row].reduce(
        (sum, letter) => sum + (/\p{Emoji_Presentation}/u.test(letter) ? 2 : /\p{Mn}/u.test(letter) ? 0 : 1),
        0,
      )
      expect(columns).toBeLessThanOrEqual(80)
    }
  })

  test('says so when nothing is held back', async () => {
    const { written } = await ran(['tools', 'diff', 'docs'], { [`GET ${AT}/tools/diff`]: { body: { ...SHOWN, changes: [] } } })
    expect(written).toContain('\nNothing is held back.\n')
  })
})

describe('tools accept', () => {
  const list = { [`GET ${AT}/tools`]: { body: { ...SHOWN, tools: [LOOK, { ...LOOK, name: 'pay', state: 'pinned', digest: 'p' }] } } }
  const accepted = { [`POST ${AT}/tools/accept`]: { body: { accepted: [{ kind: 'tools', name: 'look', digest: DIGEST }] } } }

  test.each(['look', `look@${DIGEST}`, `@${DIGEST}`])('of %s sends the digest that was shown', async (named) => {
    verifies('promise.11.accepted')
    const { written, asked } = await ran(['tools', 'accept', 'docs', named], { ...list, ...accepted })
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual([{ name: 'look', digest: DIGEST }])
    expect(written).toBe('Accepted: look. Clients see it from their next request on.\n')
  })

  test('--all sends that it is all', async () => {
    const { asked } = await ran(['tools', 'accept', 'docs', '--all'], accepted)
    expect(asked.at(-1)?.body).toBe('{"all":true}')
  })

  test.each([
    [['pay'], 'TOOL_NOT_HELD'],
    [[`look@${DIGEST.slice(0, -1)}x`], 'TOOL_NOT_HELD'],
    // Whoever makes a server can find two texts whose digests begin alike.
    [[`look@${DIGEST.slice(0, -1)}`], 'TOOL_NOT_HELD'],
    [['look@abc'], 'TOOL_NOT_HELD'],
    [['@abc'], 'TOOL_NOT_HELD'],
    [['@undefined'], 'TOOL_NOT_HELD'],
    [[], 'USAGE'],
    [['look', '--all'], 'USAGE'],
  ])('of %j is refused: %s', async (words, code) => {
    verifies('promise.11.accepted')
    await expect(ran(['tools', 'accept', 'docs', ...words], { ...list, ...accepted })).rejects.toMatchObject({ code: code })
  })

  test('of a name under which several are held back accepts none, and shows each with its digest', async () => {
    verifies('promise.11.accepted')
    const other = 'B'.repeat(DIGEST.length)
    const body = { ...SHOWN, tools: [LOOK, { ...LOOK, digest: other }], prompts: [{ ...LOOK, state: 'new', digest: null }] }
    const replies = { [`GET ${AT}/tools`]: { body }, ...accepted }
    const refused = ran(['tools', 'accept', 'docs', 'look'], replies)
    await expect(refused).rejects.toMatchObject({ code: 'TOOL_AMBIGUOUS', exit: 1 })
    for (const line of [`  tool (changed)  look@${DIGEST}\n`, `  tool (changed)  look@${other}\n`, '  prompt (new)  look@none'])
      await expect(refused).rejects.toThrow(line)
    const { asked } = await ran(['tools', 'accept', 'docs', `look@${other}`], replies)
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual([{ name: 'look', digest: other }])
  })

  test('of a tool that is called like another with its digest accepts neither', async () => {
    verifies('promise.11.accepted')
    const tools = [LOOK, { ...LOOK, name: `look@${DIGEST}`, digest: 'B'.repeat(DIGEST.length) }]
    const replies = { [`GET ${AT}/tools`]: { body: { ...SHOWN, tools } }, ...accepted }
    await expect(ran(['tools', 'accept', 'docs', `look@${DIGEST}`], replies)).rejects.toMatchObject({ code: 'TOOL_AMBIGUOUS' })
  })

  test('of one that was listed once for each kind accepts what both say', async () => {
    const replies = { [`GET ${AT}/tools`]: { body: { ...SHOWN, tools: [LOOK], prompts: [LOOK] } }, ...accepted }
    const { asked } = await ran(['tools', 'accept', 'docs', 'look'], replies)
    expect(JSON.parse(asked.at(-1)?.body ?? '')).toEqual([{ name: 'look', digest: DIGEST }])
  })

  test('of what could be read in two ways is refused', async () => {
    const tools = [{ ...LOOK, digest: null }]
    const replies = { [`GET ${AT}/tools`]: { body: { ...SHOWN, tools } } }
    await expect(ran(['tools', 'accept', 'docs', 'look'], replies)).rejects.toMatchObject({ code: 'TOOL_UNREADABLE' })
  })
})

test('share show says how much is held back', async () => {
  const body = { ...SHARE, agents: [], sessions: 0, held_back: 2 }
  expect((await ran(['share', 'show', 'docs'], { [`GET ${AT}`]: { body } })).written).toContain('Held back: 2.')
  expect((await ran(['share', 'show', 'docs'], { [`GET ${AT}`]: { body: { ...body, held_back: 0 } } })).written).not.toContain('Held back')
})

test('token create and update tell the warning of the relay', async () => {
  const body = { ...tokenBody('a'), share_url: 'https://relay.example/s/c/k/secret/mcp', warning: 'No tool\u001b only reads.' }
  const { noted } = await ran(['token', 'create', 'docs'], { [`POST ${AT}/tokens`]: { status: 201, body } })
  expect(noted).toContain('mcp-edge-agent: No tool\\u{1b} only reads.\n')
})
