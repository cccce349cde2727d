import { describe, expect, test } from 'vitest'
import {
  bridgedClientCapabilities,
  bridgedServerCapabilities,
  type Capability,
  fingerprint,
  lacking,
  neededFor,
  readCapabilities,
} from '../../../../worker/bridge/capabilities.ts'
import { childInitializeParams } from '../../../../worker/bridge/discover.ts'

describe('fingerprint()', () => {
  test.each([
    ['none', {}],
    ['none', { experimental: { x: {} }, extensions: {} }],
    ['elicitation', { elicitation: {} }],
    ['elicitation', { elicitation: { form: {} } }],
    ['elicitation.url', { elicitation: { url: {} } }],
    ['elicitation.url', { elicitation: { form: null, url: {} }, roots: null, sampling: null }],
    ['elicitation+sampling', { elicitation: { url: null }, sampling: { tools: null } }],
    [
      'elicitation+elicitation.url+roots+sampling+sampling.context+sampling.tools',
      { sampling: { tools: {}, context: {} }, roots: { listChanged: true }, elicitation: { url: {}, form: {} } },
    ],
  ])('is %s for %j, and childInitializeParams() declares just that', (expected, declared) => {
    const set = readCapabilities(declared)
    expect(fingerprint(set)).toBe(expected)
    const params = JSON.parse(childInitializeParams(set, '0.1.0')) as { protocolVersion: string; capabilities: Record<string, unknown> }
    expect(params.protocolVersion).toBe('2025-11-25')
    expect(fingerprint(readCapabilities(params.capabilities))).toBe(expected)
  })
})

test.each<[string, object, readonly Capability[] | undefined]>([
  ['elicitation/create', {}, ['elicitation']],
  ['elicitation/create', { mode: 'form' }, ['elicitation']],
  ['elicitation/create', { mode: 'url' }, ['elicitation.url']],
  ['sampling/createMessage', {}, ['sampling']],
  ['sampling/createMessage', { tools: [] }, ['sampling', 'sampling.tools']],
  ['sampling/createMessage', { toolChoice: {} }, ['sampling', 'sampling.tools']],
  ['sampling/createMessage', { tools: null, toolChoice: null }, ['sampling']],
  ['roots/list', {}, ['roots']],
  ['tools/call', {}, undefined],
])('neededFor() of %s with %j is %j', (method, params, needed) => {
  expect(neededFor(method, { ...params })).toEqual(needed)
})

test('lacking() tells what of the needed is not declared', () => {
  expect(lacking(readCapabilities({ sampling: {} }), ['sampling', 'sampling.tools'])).toEqual(['sampling.tools'])
})

test('bridgedClientCapabilities() keeps what a peer of the other era understands', () => {
  const declared = {
    roots: { listChanged: true },
    tasks: {},
    extensions: { 'io.modelcontextprotocol/tasks': {}, 'x/y': {} },
    experimental: {},
  }
  expect(bridgedClientCapabilities(declared)).toEqual({ roots: {}, extensions: { 'x/y': {} }, experimental: {} })
})

test('both leave out what is null', () => {
  expect(bridgedClientCapabilities({ roots: null, sampling: {}, extensions: null })).toEqual({ sampling: {} })
  expect(bridgedServerCapabilities({ tools: {}, prompts: null })).toEqual({ tools: {} })
})

test('bridgedServerCapabilities() leaves out tasks, and extensions when none are left', () => {
  expect(bridgedServerCapabilities({ tools: {}, tasks: {}, extensions: { 'io.modelcontextprotocol/tasks': {} } })).toEqual({ tools: {} })
})
