import { expect, test } from 'vitest'
import { STDERR_LINE_BYTES } from '../../../../agent/limits.ts'
import { Mask } from '../../../../agent/mask.ts'
import { StderrTail } from '../../../../agent/server/stderr-tail.ts'
import { STDERR_TAIL_BYTES } from '../../../../protocol/limits.ts'

function read(chunks: readonly string[], secrets: readonly string[] = []): { lines: string[]; text: string } {
  const lines: string[] = []
  const tail = new StderrTail(new Mask(secrets), (line) => lines.push(line))
  for (const chunk of chunks) tail.push(Buffer.from(chunk))
  tail.end()
  return { lines, text: tail.text }
}

test('StderrTail passes lines on masked, also where a chunk ends inside a secret', () => {
  expect(read(['key is pass', 'word-1\nlast'], ['password-1'])).toEqual({
    lines: ['key is [secret]', 'last'],
    text: 'key is [secret]\nlast',
  })
})

test('StderrTail cuts a long line so that no half of a secret remains', () => {
  const { lines, text } = read([`${'a'.repeat(STDERR_LINE_BYTES - 5)}password-1${'b'.repeat(99)}\n`], ['password-1'])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^a+… \(\d+ bytes\)$/)
  expect(text).not.toContain('pass')
})

test('StderrTail.text keeps the end, in whole characters', () => {
  const { text } = read([`${'漢'.repeat(STDERR_TAIL_BYTES)}\n`, 'end\n'])
  expect(text).toMatch(/^漢+\nend$/)
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(STDERR_TAIL_BYTES)
  expect(Buffer.byteLength(text)).toBeGreaterThan(STDERR_TAIL_BYTES - 3)
})
