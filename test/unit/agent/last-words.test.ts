import { expect, test } from 'vitest'
import { LAST_WORD_CHARS, LAST_WORDS } from '../../../agent/limits.ts'
import { LastWords, listeningAddress } from '../../../agent/last-words.ts'

test('LastWords keeps the last lines, cut, and no blank ones', () => {
  const words = new LastWords()
  for (let index = 0; index < LAST_WORDS + 5; index++) words.add(`line ${index}\r`)
  for (const line of ['', '  ', Buffer.from('x'.repeat(LAST_WORD_CHARS + 1))]) words.add(line)
  expect([words.lines.length, words.lines[0], words.lines.at(-2)]).toEqual([LAST_WORDS, 'line 6', `line ${LAST_WORDS + 4}`])
  expect(words.lines.at(-1)).toBe(`${'x'.repeat(LAST_WORD_CHARS)}…`)
})

test.each([
  ['MCP server listening on http://localhost:3000/mcp', 'http://localhost:3000/mcp'],
  ['INFO:     Uvicorn running on http://127.0.0.1:8000 (Press CTRL+C to quit)', 'http://127.0.0.1:8000'],
  ['Listening at http://0.0.0.0:8080/.', 'http://localhost:8080'],
  ['ready: http://[::]:9/sse', 'http://localhost:9/sse'],
  ['Server running on port 3001', 'http://localhost:3001'],
  ['listening on port: 3001', 'http://localhost:3001'],
  ['see https://example.com/docs', undefined],
  ['exporting 3000 rows', undefined],
])('listeningAddress() of %j is %s', (line, address) => {
  expect(listeningAddress(['first', line, 'last'])).toBe(address)
})
