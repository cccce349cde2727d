import { describe, expect, test } from 'vitest'
import { isJson, isModernVisitor, legacyRevisionFault, readAccept } from '../../../../worker/mcp/request-headers.ts'

describe('readAccept()', () => {
  test.each([
    [null, true, true],
    ['', true, true],
    ['*/*', true, true],
    ['application/json', true, false],
    ['text/event-stream;q=0.5', false, true],
    ['application/json, text/event-stream', true, true],
    ['APPLICATION/JSON , text/*', true, true],
    ['application/json;q=0, text/event-stream', false, true],
    ['application/json;q=0.000, */*', true, true],
    ['text/html', false, false],
  ])('of %s', (header, json, events) => {
    expect(readAccept(header)).toEqual({ json, events })
  })
})

describe('isJson()', () => {
  test.each(['application/json', 'Application/JSON; charset=utf-8', ' application/json ;x=1'])('is true of %s', (type) => {
    expect(isJson(type)).toBe(true)
  })
  test.each([null, '', 'text/plain', 'application/json5', 'text/plain, application/json'])('is false of %s', (type) => {
    expect(isJson(type)).toBe(false)
  })
})

test.each([
  [undefined, false, undefined],
  ['2025-06-18', false, undefined],
  ['2026-07-28', true, 'UNSUPPORTED_VERSION'],
  ['1999-01-01', false, 'UNSUPPORTED_VERSION'],
])('a visitor of revision %s is a modern one: %s, and as one of the handshake era refused with %s', (revision, isModern, code) => {
  const visitor = { revision }
  expect(isModernVisitor(visitor)).toBe(isModern)
  expect(legacyRevisionFault(visitor)?.code).toBe(code)
})
