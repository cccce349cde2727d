import { expect, test } from 'vitest'
import { shownText } from '../../../../../worker/share/usage/shown-text.ts'

test.each([
  ['Claude Code 2.1', 'Claude Code 2.1'],
  ['a\nb\u001B[31mc\u0000', 'a\\u000ab\\u001b[31mc\\u0000'],
  ['\u202Egnp.exe', '\\u202egnp.exe'],
  ['a\u2028b\u200Bc\uFEFF', 'a\\u2028b\\u200bc\\ufeff'],
  ['\uD800x', '\\ud800x'],
  ['読む 🙂', '読む 🙂'],
  ['\u{E0041}', '\\udb40\\udc41'],
])('shownText shows %j as %j', (text, shown) => {
  expect(shownText(text)).toBe(shown)
})

test('shownText shows 128 characters at most, escaped or not', () => {
  expect(shownText('a'.repeat(1000))).toBe('a'.repeat(128))
  expect(shownText('\n'.repeat(1000))).toHaveLength(128)
  expect(shownText(`${'a'.repeat(127)}🙂`)).toHaveLength(128)
})
