import { describe, expect, test } from 'vitest'
import {
  bridgedClientCapabilities,
  bridgedServerCapabilities,
  type Capability,
  declarationName,
  declaredClient,
  declaresExtensions,
  fingerprint,
  lacking,
  neededFor,
  readCapabilities,
  unaskedClientCapabilities,
} from '../../../../worker/bridge/capabilities.ts'
import { childInitializeParams } from '../../../../worker/bridge/discover.ts'
import type { JsonObject } from '../../../../protocol/json/json-object.ts'

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
    const params = JSON.parse(childInitializeParams(declaredClient(declared))) as {
      protocolVersion: string
      capabilities: Record<string, unknown>
    }
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

describe('declaredClient()', () => {
  const UI = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } }

  test('carries extensions, experiments and what nobody knows yet into initialize, and the name of the client', () => {
    const declared = { 'com.example/cap': { v: 1 }, experimental: { 'x/y': {} }, elicitation: {}, extensions: UI }
    const clientInfo = { name: 'c', version: '1', 'com.example/x': [1, null] }
    const params: unknown = JSON.parse(childInitializeParams(declaredClient(declared, clientInfo)))
    expect(params).toEqual({ protocolVersion: '2025-11-25', capabilities: declared, clientInfo })
  })

  test('is one name for what is declared in another order, and another for anything else', () => {
    const name = (declared: JsonObject): string => declarationName(declaredClient(declared))
    expect(name({ extensions: { a: { x: 1, y: 2 }, b: {} }, roots: {} })).toBe(
      name({ roots: {}, extensions: { b: {}, a: { y: 2, x: 1 } } }),
    )
    const names = [{}, { extensions: UI }, { extensions: { ...UI, b: {} } }, { experimental: UI }, { x: {} }, { roots: {} }].map(name)
    expect(new Set(names).size).toBe(names.length)
  })

  test('leaves the text out where the client declares no more than what it can be asked for', () => {
    for (const declared of [
      {},
      { roots: { listChanged: true } },
      { sampling: { tools: {}, context: null } },
      { elicitation: { form: {}, url: {} } },
    ])
      expect(declaredClient(declared)).toEqual({ capabilities: expect.any(Array) as unknown })
    expect(declaredClient({ tasks: {} })).toEqual({ capabilities: [] })
  })
})

test('a client that cannot be asked keeps what has nothing to do with that', () => {
  const declared = { elicitation: {}, sampling: {}, roots: {}, extensions: { 'x/y': {} }, experimental: { z: {} } }
  expect(unaskedClientCapabilities(declared)).toEqual({ extensions: { 'x/y': {} }, experimental: { z: {} } })
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

test('declaresExtensions() knows those that the bridge carries, and with them neededFor() lets requests pass that nobody else knows', () => {
  expect(declaresExtensions({ extensions: { 'com.example/x': {} } })).toBe(true)
  for (const declared of [{}, { extensions: {} }, { extensions: { 'io.modelcontextprotocol/tasks': {} } }, { experimental: { x: {} } }])
    expect(declaresExtensions(declared)).toBe(false)
  expect(neededFor('com.example/ask', {})).toBeUndefined()
  expect(neededFor('com.example/ask', {}, true)).toEqual([])
  for (const method of ['ping', 'tasks/get']) expect(neededFor(method, {}, true)).toBeUndefined()
})
