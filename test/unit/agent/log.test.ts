import { expect, test } from 'vitest'
import { createLog, type LogLevel } from '../../../agent/log.ts'
import { Mask } from '../../../agent/mask.ts'
import { verifies } from '../../requirements/verifies.ts'

function logOf(level: LogLevel, json: boolean): { log: ReturnType<typeof createLog>; lines: string[] } {
  const lines: string[] = []
  const log = createLog({ level, json, mask: new Mask(['top-secret']), write: (line) => lines.push(line), now: () => new Date(0) })
  return { log, lines }
}

test('createLog() writes one line an event, and quotes what would run into the next field', () => {
  const { log, lines } = logOf('info', false)
  log.info('ready', { share: 'abc', ms: 5, missing: undefined })
  log.warn('odd', { reason: 'two words\nand a line', empty: '' })
  expect(lines).toEqual([
    'mcp-edge-agent info  ready share=abc ms=5\n',
    'mcp-edge-agent warn  odd reason="two words\\nand a line" empty=""\n',
  ])
})

test('createLog() writes JSON lines with --json', () => {
  const { log, lines } = logOf('info', true)
  log.info('ready', { share: 'abc', code: null })
  log.child('c1', 'says "hi"')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    { time: '1970-01-01T00:00:00.000Z', level: 'info', event: 'ready', share: 'abc', code: null },
    { time: '1970-01-01T00:00:00.000Z', level: 'info', event: 'child.stderr', ch: 'c1', line: 'says "hi"' },
  ])
})

test.each<[LogLevel, string[]]>([
  ['debug', ['debug', 'info', 'warn', 'error']],
  ['warn', ['warn', 'error']],
  ['error', ['error']],
])('createLog() at %s passes %j', (level, expected) => {
  const { log, lines } = logOf(level, true)
  for (const own of ['debug', 'info', 'warn', 'error'] as const) log[own]('x')
  expect(lines.map((line) => (JSON.parse(line) as { level: string }).level)).toEqual(expected)
})

test('createLog() masks secrets in fields and in the lines of a child, which it passes at every level', () => {
  verifies('promise.9.not-in-logs')
  const { log, lines } = logOf('error', false)
  log.error('bad', { reason: 'top-secret leaked' })
  log.child('c1', 'password top-secret')
  expect(lines.join('')).not.toContain('top-secret')
  expect(lines[1]).toBe('[c1] password [secret]\n')
})
