import { expect, test } from 'vitest'
import { JUNK_BYTES, JUNK_LINE_OBJECTS, JUNK_LINES } from '../../../../agent/limits.ts'
import { StdoutFormat } from '../../../../agent/server/stdout-format.ts'
import { verifies } from '../../../requirements/verifies.ts'

const ANSWER = {
  jsonrpc: '2.0',
  id: 0,
  result: { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'a "b" {', version: '1' } },
}
const REQUEST = { jsonrpc: '2.0', id: 0, method: 'initialize', params: { capabilities: {} } }

/** What is said of lines, and after how many of them. */
function verdict(
  lines: readonly (string | Uint8Array)[],
): { readonly after: number; readonly detail: string; readonly isCertain: boolean } | undefined {
  const format = new StdoutFormat()
  for (const [index, line] of lines.entries()) {
    const fault = format.junk(Buffer.from(line))
    if (fault !== undefined) return { after: index + 1, ...fault }
  }
  return undefined
}

function pretty(value: unknown, indent: number | string = 2): string[] {
  return JSON.stringify(value, null, indent).split('\n')
}

test.each([
  ['pretty-printed JSON', pretty(ANSWER), 'pretty-printed JSON'],
  ['pretty-printed JSON behind a banner', ['Ready!', ...pretty({ port: 1 }), ...pretty(ANSWER, '\t')], 'pretty-printed JSON'],
  ['the framing of LSP', ['Content-Length: 120', 'Content-Type: application/vscode-jsonrpc', ''], 'Content-Length headers'],
  ['server-sent events', ['event: message', `data: ${JSON.stringify(ANSWER)}`], 'server-sent events'],
  ['log lines with messages', [`[INFO] ${JSON.stringify(ANSWER)}`], 'other text before each message'],
  [
    'log lines with messages, and brackets in colours',
    [`\u001b[32m{ } ${JSON.stringify(ANSWER)}\u001b[0m`],
    'other text before each message',
  ],
  ['messages with words behind them', [`${JSON.stringify(ANSWER)} -- sent`], 'other text behind each message'],
  ['several messages on a line', [JSON.stringify(REQUEST) + JSON.stringify(ANSWER)], 'several messages on one line'],
  ['answers without an id', [JSON.stringify({ ...ANSWER, id: undefined })], 'leaves the id out'],
  ['answers whose id is null', [JSON.stringify({ ...ANSWER, id: null })], 'leaves the id out'],
  ['messages with NUL bytes', [`\0${JSON.stringify(ANSWER)}`], 'NUL bytes'],
  ['UTF-16', [Buffer.from(JSON.stringify(ANSWER), 'utf16le')], 'UTF-16'],
])('StdoutFormat knows %s', (_, lines, text) => {
  verifies('promise.10.unreadable')
  expect(verdict(lines)).toMatchObject({ after: lines.length, detail: expect.stringContaining(text) as string, isCertain: false })
})

test.each([
  ['a banner', ['Server running on stdio!', '', '  *  ', '42', '{}', '[]']],
  ['a configuration that is shown', [...pretty({ id: 1, level: 'debug' }), '{', 'broken']],
  ['what the server was sent', [...pretty(REQUEST), `<- ${JSON.stringify(REQUEST)}`]],
  ['a header without a blank line', ['Content-Length: 5', 'hello', '']],
  ['a string that a line breaks off', ['{"jsonrpc":"2.0","id":0,"result":"a', 'b"}']],
  ['log lines in JSON', ['{"level":"info","result":1}', '{"jsonrpc":"2.0","error":', '{"jsonrpc":"2.0"}']],
  ['NUL bytes', [new Uint8Array(64)]],
  ['many objects, and an answer far behind', ['{}'.repeat(JUNK_LINE_OBJECTS) + JSON.stringify(ANSWER)]],
])('StdoutFormat says nothing of %s', (_, lines) => {
  verifies('stdio.junk')
  expect(verdict(lines)).toBeUndefined()
})

test('StdoutFormat is certain after JUNK_LINES lines, or JUNK_BYTES', () => {
  verifies('promise.10.unreadable', 'promise.10.named')
  expect(verdict(Array.from({ length: JUNK_LINES }, () => '$ '))).toMatchObject({ after: JUNK_LINES, isCertain: true })
  expect(verdict(['x'.repeat(JUNK_BYTES)])).toMatchObject({ isCertain: true })
})
