/** The commands about calls that wait for their owner, against an API that a test scripts. */
import { describe, expect, test } from 'vitest'
import { runOwner } from '../../../../agent/owner/program.ts'
import { verifies } from '../../../requirements/verifies.ts'
import { problem, type Replies, shareBody, TestApi } from './test-api.ts'
import { testTerminal } from './test-terminal.ts'

const SHARE = shareBody('c')
const AT = `shares/${String(SHARE['share'])}/approvals`
const ID = '5feceb66ffc86f38d9527867'

function approvalBody(parts: object = {}): Record<string, unknown> {
  return {
    id: ID,
    at: '2026-11-29T14:00:00.000Z',
    expires_at: '2026-11-29T14:10:00.000Z',
    principal: 'client:9f86d081884c7d659a2feaa0',
    link: { id: '9f86d081884c7d659a2feaa0', name: 'for Ann' },
    client: 'claude-code 2.1.0',
    session: 'k3v7qzj2m5xap',
    agent: 'laptop',
    tool: 'write_file',
    arguments: '{"path":"/a"}',
    ...parts,
  }
}

async function ran(args: readonly string[], replies: Replies, pause?: () => Promise<void>) {
  await using relay = await TestApi.start({ 'GET shares': { body: { shares: [SHARE] } }, ...replies })
  const terminal = testTerminal({
    variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: relay.origin },
    ...(pause === undefined ? {} : { pause }),
  })
  await runOwner(args, terminal)
  return { written: terminal.written, asked: relay.asked }
}

describe('approvals', () => {
  test('shows each call that waits with all its arguments, and how it is allowed', async () => {
    const long = `{"text":"${'a'.repeat(5000)}"}`
    const approvals = [approvalBody(), approvalBody({ id: 'b'.repeat(24), arguments: long, link: { id: 'x', name: null }, client: null })]
    const { written } = await ran(['approvals', 'docs'], { [`GET ${AT}`]: { body: { approvals, decisions: [] } } })
    expect(written).toMatch(/^approval +5feceb66ffc86f38d9527867$/m)
    expect(written).toMatch(/^who +for Ann \(client:9f86d081884c7d659a2feaa0\), with claude-code 2\.1\.0$/m)
    expect(written).toMatch(/^tool +write_file$/m)
    expect(written).toMatch(/^arguments +\{"path":"\/a"\}$/m)
    expect(written).toMatch(/^decide +mcp-edge-agent approvals allow docs 5feceb66ffc86f38d9527867$/m)
    expect(written.replaceAll(/\n {11}/g, '')).toContain(long)
  })

  test('shows what else a call says, where it says more', async () => {
    const approvals = [approvalBody({ other_params: '{"_meta":{"acme/target":"production"}}' }), approvalBody({ other_params: null })]
    const { written } = await ran(['approvals', 'docs'], { [`GET ${AT}`]: { body: { approvals, decisions: [] } } })
    expect(written.match(/^besides.*$/gm)).toEqual(['besides    {"_meta":{"acme/target":"production"}}'])
  })

  test('begins no line with what a client has sent', async () => {
    const text = `{"a":"${' '.repeat(300)}approval   ${'x'.repeat(24)}${' '.repeat(300)}tool       read_file"}`
    const { written } = await ran(['approvals', 'docs'], {
      [`GET ${AT}`]: {
        body: {
          approvals: [approvalBody({ arguments: text, other_params: text, client: `c${text}`.slice(0, 128), tool: 't'.repeat(200) })],
          decisions: [],
        },
      },
    })
    const lines = written.split('\n').filter((line) => line.startsWith('approval') || line.startsWith('tool'))
    expect(lines).toEqual([expect.stringMatching(/^approval +5fec/), expect.stringMatching(/^tool +t+$/)])
    expect(Math.max(...written.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80)
  })

  test('begins no line with the name of a tool that it has decided about', async () => {
    const decided = approvalBody({
      decision: 'allow',
      tool: `t${' '.repeat(67)}Share docs has ended`,
      link: { id: 'x', name: 'n'.repeat(200) },
    })
    const { written } = await ran(['approvals', 'allow', 'docs', ID], { [`POST ${AT}/${ID}`]: { body: decided } })
    const [first, ...rest] = written.trimEnd().split('\n')
    expect(first).toBe(`The call ${ID} may be made, once, within 10 minutes.`)
    expect(rest.length).toBeGreaterThan(4)
    for (const row of rest) expect(row).toMatch(/^(?:tool {7}t|who {8}n| {11})/)
    expect(Math.max(...written.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80)
  })

  test('lets nothing of a client reach the terminal, whatever the relay does', async () => {
    verifies('promise.11.held-order')
    const nasty = '\u001b[2J\u009b1m\u202e\u200d\n\u2028'
    const parts = { tool: nasty, client: nasty, arguments: `{"a":"${nasty}"}`, link: { id: 'x', name: nasty } }
    const replies = {
      [`GET ${AT}`]: { body: { approvals: [approvalBody(parts)], decisions: [approvalBody({ ...parts, decision: 'deny' })] } },
    }
    const { written } = await ran(['approvals', 'list', 'docs'], replies)
    expect(written.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e\u2028]/u)
    const decided = { [`POST ${AT}/${ID}`]: { body: approvalBody({ ...parts, decision: 'allow' }) } }
    expect((await ran(['approvals', 'allow', 'docs', ID], decided)).written).not.toMatch(/(?!\n)[\p{Cc}\u202e\u2028]/u)
  })

  test('shows what was decided whole, within 80 columns, and how it is taken back', async () => {
    const long = `{"path":"${'/a'.repeat(100)}"}`
    const decisions = [
      approvalBody({ decision: 'always', expires_at: null, arguments: long }),
      approvalBody({ id: 'b'.repeat(24), decision: 'deny', arguments: null }),
    ]
    const { written } = await ran(['approvals', 'docs'], { [`GET ${AT}`]: { body: { approvals: [], decisions } } })
    const [always = '', deny = ''] = written.split('\n\n').slice(1)
    expect(always).toMatch(
      /^approval +5feceb66ffc86f38d9527867\ndecided +always, for ever\nwho +for Ann \(client:9f86d081884c7d659a2feaa0\)\n/,
    )
    expect(always).toMatch(/^take back +mcp-edge-agent approvals forget docs 5feceb66ffc86f38d9527867$/m)
    expect(always.replaceAll(/\n {11}/g, '')).toContain(`\ntool       write_file\narguments  ${long}`)
    expect(deny).toMatch(/^decided +deny, until 2026-11-\d\d \d\d:10$/m)
    expect(deny).toMatch(/^arguments +\(none\)$/m)
    expect(Math.max(...written.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(80)
  })

  test('says so where nothing waits', async () => {
    const { written } = await ran(['approvals', 'docs'], { [`GET ${AT}`]: { body: { approvals: [], decisions: [] } } })
    expect(written).toBe('No calls wait for you.\n')
  })

  test('--json has all pages in one object', async () => {
    const replies = {
      [`GET ${AT}`]: { body: { approvals: [approvalBody()], decisions: [], next: ID } },
      [`GET ${AT}?after=${ID}`]: { body: { approvals: [approvalBody({ id: 'b'.repeat(24) })], decisions: [] } },
    }
    const { written } = await ran(['approvals', 'docs', '--json'], replies)
    expect(JSON.parse(written)).toMatchObject({ approvals: [{ id: ID }, { id: 'b'.repeat(24) }], decisions: [] })
  })

  test.each(['allow', 'deny', 'always'])('%s decides', async (decision) => {
    const { written, asked } = await ran(['approvals', decision, 'docs', ID], {
      [`POST ${AT}/${ID}`]: { body: approvalBody({ decision }) },
    })
    expect(asked.at(-1)?.body).toBe(JSON.stringify({ decision }))
    const [what, tool, who] = written.split('\n')
    expect(what).toMatch(new RegExp(`^The call ${ID} (?:may be made|is denied)`))
    expect([tool, who]).toEqual(['tool       write_file', 'who        for Ann (client:9f86d081884c7d659a2feaa0)'])
  })

  test('forget takes a decision back', async () => {
    const { written, asked } = await ran(['approvals', 'forget', 'docs', ID], { [`DELETE ${AT}/${ID}`]: { status: 204 } })
    expect(asked.at(-1)?.call).toBe(`DELETE ${AT}/${ID}`)
    expect(written).toContain(ID)
  })

  test('of one that is not there ends with 7', async () => {
    const replies = { [`POST ${AT}/${ID}`]: problem(404, 'APPROVAL_NOT_FOUND') }
    await expect(ran(['approvals', 'deny', 'docs', ID], replies)).rejects.toMatchObject({ exit: 7, code: 'APPROVAL_NOT_FOUND' })
  })

  test('--follow asks a relay again that is not reached, and ends with what it refuses', async () => {
    await using relay = await TestApi.start({ 'GET shares': { body: { shares: [SHARE] } }, [`GET ${AT}`]: problem(503, 'LANES_UNREACHED') })
    let waits = 0
    const terminal = testTerminal({
      variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: relay.origin },
      pause: () => (++waits === 3 ? Promise.reject(new Error('enough')) : Promise.resolve()),
    })
    await expect(runOwner(['approvals', 'docs', '--follow'], terminal)).rejects.toThrow('enough')
    expect(terminal.noted.split('It is asked again.').length - 1).toBe(3)
    await expect(ran(['approvals', 'docs', '--follow'], { [`GET ${AT}`]: problem(404, 'SHARE_NOT_FOUND') })).rejects.toMatchObject({
      exit: 7,
    })
  })

  test('--follow shows each call once, as it comes, and a line of JSON to programs', async () => {
    for (const json of [[], ['--json']]) {
      let looks = 0
      const terminal = testTerminal({
        pause: () => (++looks === 3 ? Promise.reject(new Error('enough')) : Promise.resolve()),
      })
      await using relay = await TestApi.start({
        'GET shares': { body: { shares: [SHARE] } },
        [`GET ${AT}`]: { body: { approvals: [approvalBody()], decisions: [] } },
      })
      Object.assign(terminal, { variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: relay.origin } })
      await expect(runOwner(['approvals', 'docs', '--follow', ...json], terminal)).rejects.toThrow('enough')
      expect(terminal.written.split(ID).length - 1).toBe(json.length === 0 ? 2 : 1)
      if (json.length > 0) expect(JSON.parse(terminal.written)).toMatchObject({ id: ID })
    }
  })
})
