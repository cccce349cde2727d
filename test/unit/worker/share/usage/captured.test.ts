import { describe, expect, test } from 'vitest'
import { CAPTURES } from '../../../../../worker/share/usage/captured.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { CAPTURE_LOOK_BYTES, MAX_CAPTURED_BYTES } from '../../../../../worker/usage-limits.ts'

function bytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))
}

describe('CAPTURES', () => {
  test('has the arguments of a tool, else the params of a request, as they stand there', () => {
    expect(CAPTURES.ofRequest(bytes('{"method":"tools/call","params":{"name":"t","arguments":{ "n": 1.0 },"_meta":{}}}'))).toBe(
      '{ "n": 1.0 }',
    )
    expect(CAPTURES.ofRequest(bytes({ method: 'resources/read', params: { uri: 'x:a' } }))).toBe('{"uri":"x:a"}')
    expect(CAPTURES.ofRequest(bytes({ method: 'x' }))).toBeUndefined()
  })

  test('has the result or the error of a response', () => {
    expect(CAPTURES.ofResponse(bytes({ jsonrpc: '2.0', id: 1, result: { content: [] } }))).toBe('{"content":[]}')
    expect(CAPTURES.ofResponse(bytes({ jsonrpc: '2.0', id: 1, error: { code: 1, message: 'no' } }))).toBe('{"code":1,"message":"no"}')
  })

  test('cuts what is longer, in whole characters, also where more was never there', () => {
    const long = { result: { text: 'ü'.repeat(CAPTURE_LOOK_BYTES) } }
    for (const body of [bytes(long), bytes(long).subarray(0, 5000), bytes({ result: { text: 'x'.repeat(MAX_CAPTURED_BYTES + 9) } })]) {
      const text = CAPTURES.ofResponse(body) ?? ''
      expect(bytes(text).length).toBeLessThanOrEqual(MAX_CAPTURED_BYTES)
      expect(bytes(text).length).toBeGreaterThan(MAX_CAPTURED_BYTES - 200)
      expect(text).not.toContain('\ufffd')
    }
  })

  test.each([
    ['control characters', '\u0001'],
    ['quotes', '"'],
    ['backslashes and line breaks', '\\\n'],
    ['halves of characters', '\\ud800'],
  ])('cuts what is long once it is written as JSON again, as with %s', (_, part) => {
    verifies('promise.10.audit')
    const raw = bytes(`{"result":{"text":"${part.repeat(9000)}"}}`)
    const masked = bytes({ result: { text: `${part.repeat(3000)} Bearer hunter2-canary` } })
    for (const body of [raw, masked]) {
      const text = CAPTURES.ofResponse(body) ?? ''
      expect(bytes(JSON.stringify(text)).length).toBeLessThanOrEqual(2 * MAX_CAPTURED_BYTES)
      expect(bytes(JSON.stringify(text)).length).toBeGreaterThan(MAX_CAPTURED_BYTES / 2)
    }
  })

  test('shows no token that is cut off where it ends', () => {
    const token = `ghp_${'a1B2'.repeat(9)}`
    for (let pad = 0; pad < 80; pad++) {
      const text =
        CAPTURES.ofResponse(bytes({ result: { text: `${'x'.repeat(MAX_CAPTURED_BYTES - 40 + pad)} ${token} ${'y'.repeat(9000)}` } })) ?? ''
      expect(text).not.toContain('ghp_a')
    }
    const cut = bytes({ result: { text: `x ${token}` } })
    for (let end = 0; end < cut.length; end++) expect(CAPTURES.ofResponse(cut.subarray(0, end)) ?? '').not.toContain('ghp_a')
  })
})
