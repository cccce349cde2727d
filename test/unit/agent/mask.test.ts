import { expect, test } from 'vitest'
import { Mask } from '../../../agent/mask.ts'
import { verifies } from '../../requirements/verifies.ts'

test('Mask.apply() replaces each secret wherever it stands', () => {
  const mask = new Mask(['hunter2!', 'correct-horse'])
  expect(mask.apply('a hunter2! b hunter2!hunter2! correct-horse')).toBe('a [secret] b [secret][secret] [secret]')
})

test('Mask.apply() replaces the longer of two secrets that contain each other', () => {
  expect(new Mask(['secret-1', 'secret-1-and-more']).apply('x secret-1-and-more y secret-1')).toBe('x [secret] y [secret]')
})

test('Mask leaves values under six characters, which are ordinary text', () => {
  expect(new Mask(['true', '8080', '']).apply('true 8080')).toBe('true 8080')
})

test('Mask knows the single lines of a secret with several', () => {
  const mask = new Mask(['-----BEGIN KEY-----\nabcdefgh\r\nijklmnop'])
  expect(mask.apply('read ijklmnop and abcdefgh')).toBe('read [secret] and [secret]')
  expect(mask.longest).toBe(JSON.stringify('-----BEGIN KEY-----\nabcdefgh\r\nijklmnop').length - 2)
})

test('Mask knows a secret as JSON spells it', () => {
  verifies('promise.9.not-in-logs')
  const secret = 'a "quoted" secret'
  expect(new Mask([secret]).apply(JSON.stringify({ line: secret }))).toBe('{"line":"[secret]"}')
})
