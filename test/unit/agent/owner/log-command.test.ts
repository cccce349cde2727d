import { describe, expect, test } from 'vitest'
import { AT, ran } from './commands-run.ts'
import { problem, tokenBody } from './test-api.ts'

const AUDIT = `GET ${AT}/audit`
const LINK = `1${'0'.repeat(23)}`
const NAMES = { [`GET ${AT}/tokens`]: { body: { tokens: [tokenBody('1')] } }, [`GET ${AT}/people`]: { body: { people: [] } } }

function event(second: number, parts: object = {}): Record<string, unknown> {
  return {
    at: `2026-11-29T14:00:${String(second).padStart(2, '0')}.000Z`,
    link: LINK,
    principal: `key:${LINK}`,
    session: null,
    client: null,
    method: 'tools/call',
    tool: `tool_${second}`,
    outcome: 'ok',
    status: 200,
    ms: 12,
    bytes: 934,
    count: 1,
    lane: 0,
    ...parts,
  }
}

/** Two pages, and nothing behind them. */
const PAGES = {
  ...NAMES,
  [AUDIT]: { body: { events: [event(1), event(2)], next: '2.0' } },
  [`${AUDIT}?after=2.0`]: { body: { events: [event(3)], next: '3.0' } },
  [`${AUDIT}?after=3.0`]: { body: { events: [], next: '3.0' } },
}

const ndjson = (lines: readonly object[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join('')
const linesOf = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)

describe('logs', () => {
  test('shows the latest calls of all pages, with the names of their links', async () => {
    const { written } = await ran('logs docs --last 2', PAGES)
    const [head, ...rows] = written.trim().split('\n')
    expect(head).toMatch(/^TIME +OUTCOME +MS +LINK +CALL$/)
    expect(rows.map((row) => row.replace(/^\S+ \S+ +/, ''))).toEqual([
      expect.stringMatching(/^ok +12 +Ann +tool_2$/),
      expect.stringMatching(/^ok +12 +Ann +tool_3$/),
    ])
  })

  test('says at which of several servers a request was that calls no tool', async () => {
    const list = event(1, { method: 'tools/list', tool: null, server: 'git' })
    const { written } = await ran('logs docs', {
      ...NAMES,
      [AUDIT]: { body: { events: [list, event(2, { tool: 'git__status', server: 'git' })], next: '2.0~git.1.0' } },
      [`${AUDIT}?after=2.0~git.1.0`]: { body: { events: [], next: '2.0~git.1.0' } },
    })
    expect(written).toMatch(/ tools\/list \(git\)\n.* git__status\n/)
  })

  test('fits 80 columns, spells out what a terminal would obey, and tells how often and how long where that is known', async () => {
    const odd = event(1, { link: 'x', outcome: 'RATE_LIMIT_EXCEEDED', ms: null, count: 12, tool: `\u001b[2J${'t'.repeat(200)}` })
    const { written } = await ran('logs docs', {
      ...NAMES,
      [AUDIT]: { body: { events: [odd], next: '1.0' } },
      [`${AUDIT}?after=1.0`]: { body: { events: [], next: '1.0' } },
    })
    const [, row = ''] = written.split('\n')
    expect(row).toMatch(/ RATE_LIMIT_EXCEEDED +- +key:10000000… +12 times \\u\{1b\}\[2Jt…/)
    expect([row.length, row.includes('\u001b')]).toEqual([80, false])
  })

  test('with --json prints each call as the API tells it, and where to go on', async () => {
    const { written, asked } = await ran('logs docs --json', PAGES)
    expect(linesOf(written)).toEqual([event(1), event(2), event(3), { next: '3.0' }])
    expect(asked).not.toContain(`GET ${AT}/tokens`)
    expect(linesOf((await ran('logs docs --json --after 2.0', PAGES)).written)).toEqual([event(3), { next: '3.0' }])
  })

  test.each(['--last many', '--last -1', '--last 2 --after 1.0'])('refuses %s before anybody is asked', async (options) => {
    expect(await ran(`logs docs ${options}`, PAGES)).toMatchObject({ error: { exit: 1, code: 'USAGE' }, asked: [] })
  })
})

describe('logs --follow', () => {
  const follow = (after: string): string => `${AUDIT}?follow=true&after=${after}`
  const stream = { headers: { 'content-type': 'application/x-ndjson' } }

  test('tells what comes, goes on where a stream has ended or was cut, and tells nothing twice', async () => {
    const { written, noted, asked, pauses, error } = await ran('logs docs --follow --last 0 --json', {
      ...PAGES,
      [follow('3.0')]: { ...stream, body: `\n${ndjson([event(4), { next: '4.0' }, event(5), { next: '5.0' }])}` },
      // The place behind the last one was not told, so it comes again.
      [follow('5.0')]: { ...stream, body: ndjson([event(6), { next: '6.0' }, event(7)]), isCut: true },
      [follow('6.0')]: { ...stream, body: ndjson([event(7), { next: '7.0' }]) },
      [follow('7.0')]: problem(404, 'SHARE_NOT_FOUND'),
    })
    expect(linesOf(written)).toEqual([{ next: '3.0' }, ...[4, 5, 6, 7].flatMap((at) => [event(at), { next: `${at}.0` }])])
    expect(noted).toMatch(/could not be reached.* It is asked again\.\n$/)
    expect(asked.filter((call) => call.includes('follow'))).toEqual(['3.0', '5.0', '6.0', '7.0'].map(follow))
    expect(pauses).toEqual([])
    expect(error).toMatchObject({ exit: 7, code: 'SHARE_NOT_FOUND' })
  })

  test('waits longer each time in vain', async () => {
    const left = new AbortController()
    const pauses: number[] = []
    const pause = (ms: number): Promise<void> => {
      if (pauses.push(ms) === 7) left.abort()
      return Promise.resolve()
    }
    const { error } = await ran(
      'logs docs --follow --json',
      { ...PAGES, [follow('3.0')]: { ...stream, body: '' } },
      { pause, left: left.signal },
    )
    expect([error, pauses]).toEqual([undefined, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]])
  })

  test('ends when nobody reads it any more', async () => {
    const left = new AbortController()
    const write = (text: string): void => {
      if (text.includes('tool_4')) left.abort()
    }
    const replies = { ...PAGES, [follow('3.0')]: { ...stream, body: ndjson([event(4), { next: '4.0' }]) } }
    expect(await ran('logs docs --follow', replies, { write, left: left.signal })).toMatchObject({ error: undefined })
  })

  test('is refused as any other command, at once', async () => {
    const replies = { ...PAGES, [follow('3.0')]: problem(401, 'OWNER_KEY_NEEDED') }
    expect(await ran('logs docs --follow', replies)).toMatchObject({ error: { exit: 3, code: 'OWNER_KEY_NEEDED' }, pauses: [] })
  })

  test('a line that is no JSON object is no relay’s', async () => {
    const left = new AbortController()
    const pause = (): Promise<void> => Promise.resolve(left.abort())
    const replies = { ...PAGES, [follow('3.0')]: { ...stream, body: 'hello\n' } }
    expect((await ran('logs docs --follow', replies, { pause, left: left.signal })).noted).toContain('which no relay would')
  })
})
