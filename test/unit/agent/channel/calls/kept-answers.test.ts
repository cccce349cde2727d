import { expect, test } from 'vitest'
import { KeptAnswers, type CallAnswer } from '../../../../../agent/channel/calls/kept-answers.ts'
import { KEPT_ANSWER_BYTES } from '../../../../../agent/limits.ts'
import { ANSWER_KEEP_BYTES, ANSWER_KEEP_MS } from '../../../../../protocol/limits.ts'

function answerOf(bytes: number): CallAnswer {
  return { kind: 'answer', id: [0, 1], failed: false, body: new Uint8Array(bytes) }
}

/** Half of all bytes, with what an answer counts for beside its body. */
const HALF = answerOf(ANSWER_KEEP_BYTES / 2 - KEPT_ANSWER_BYTES)

test('KeptAnswers.sweep() drops what is older than ANSWER_KEEP_MS', () => {
  const answers = new KeptAnswers()
  const answer = answerOf(1)
  answers.keep('a', answer, 0)
  answers.sweep(ANSWER_KEEP_MS)
  expect(answers.get('a')).toBe(answer)
  answers.sweep(ANSWER_KEEP_MS + 1)
  expect(answers.get('a')).toBeUndefined()
})

test('KeptAnswers.sweep() drops the oldest above ANSWER_KEEP_BYTES, and counts what is dropped or replaced no more', () => {
  const answers = new KeptAnswers()
  answers.keep('a', HALF, 0)
  answers.keep('b', HALF, 1)
  answers.keep('b', HALF, 2)
  answers.sweep(2)
  expect(answers.get('a')).toBe(HALF)
  answers.keep('c', answerOf(0), 3)
  answers.sweep(3)
  expect([answers.get('a'), answers.get('b')]).toEqual([undefined, HALF])
  answers.drop('b')
  answers.keep('d', HALF, 4)
  answers.sweep(4)
  expect(answers.get('c')).toBeDefined()
})
