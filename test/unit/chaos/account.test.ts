import { expect, test } from 'vitest'
import { answerText, journalLine, readJournal } from '../../chaos/account.ts'

test('readJournal() reads what journalLine() wrote', () => {
  const lines = [
    { phase: 'start', arg: 'session.0.1', pid: 12, atMs: 1_795_000_000_000 },
    { phase: 'end', arg: 'session.0.1', pid: 12, atMs: 1_795_000_000_005 },
  ] as const
  expect(readJournal(lines.map(journalLine).join(''))).toEqual(lines)
})

test.each(['start a 1', 'began a 1 2', 'start'])('readJournal() refuses the line %s', (line) => {
  expect(() => readJournal(`${line}\n`)).toThrow(SyntaxError)
})

test('answerText() tells calls apart at any size, and has the size that was asked for', () => {
  expect(answerText('a.1')).not.toBe(answerText('a.2'))
  expect(answerText('a.1', 3)).not.toBe(answerText('a.2', 3))
  expect(answerText('a.1', 3).length).toBeGreaterThanOrEqual(3 * 1024)
})
