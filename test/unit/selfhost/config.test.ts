import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import { readWranglerToml, toWorkerdConfig } from '../../../selfhost/config.ts'
import { verifies } from '../../requirements/verifies.ts'

const WRANGLER_TOML = readFileSync(join(import.meta.dirname, '../../../wrangler.toml'), 'utf8')
const OPTIONS = { address: '127.0.0.1:0', bundle: 'worker.js', fromEnvironment: ['OWNER_KEY'] }

/** What a deployment would run, read without the code under test. */
const deployed = parse(WRANGLER_TOML)
const generated = toWorkerdConfig(readWranglerToml(WRANGLER_TOML), OPTIONS)

/** The texts of all groups that a pattern finds. */
function find(pattern: RegExp, text = generated): string[][] {
  return Array.from(text.matchAll(pattern), (match) => match.slice(1))
}

describe('toWorkerdConfig() of the wrangler.toml that is deployed', () => {
  test('has its compatibility date', () => {
    expect(find(/compatibilityDate = "(.*)"/g)).toEqual([[deployed['compatibility_date']]])
  })

  test('has its compatibility flags', () => {
    const [[flags = ''] = []] = find(/compatibilityFlags = \[([^\]]*)\]/g)
    expect(find(/"([^"]*)"/g, flags).flat()).toEqual(deployed['compatibility_flags'])
  })

  test('has its bindings of objects', () => {
    const bindings = find(/\(name = "([^"]*)", durableObjectNamespace = "([^"]*)"\)/g)
    expect(deployed['durable_objects']).toEqual({ bindings: bindings.map(([name, className]) => ({ name, class_name: className })) })
  })

  test('has its classes, all with SQLite', () => {
    const classes = find(/\(className = "([^"]*)", uniqueKey = "[^"]*", enableSql = true\)/g).flat()
    const migrations = deployed['migrations'] as { new_sqlite_classes: string[] }[]
    expect(migrations.flatMap(({ new_sqlite_classes: made }) => made)).toEqual(classes)
  })

  test('keeps the keys under which objects lie on disk', () => {
    expect(find(/uniqueKey = "([^"]*)"/g).flat()).toEqual([
      'mcp-edge-Share',
      'mcp-edge-Registry',
      'mcp-edge-SignIn',
      'mcp-edge-LongPollLink',
    ])
  })
})

test('toWorkerdConfig() takes secrets from the environment, never into the file', () => {
  expect(generated).toContain('(name = "OWNER_KEY", fromEnvironment = "OWNER_KEY")')
})

test('toWorkerdConfig() has V8 look for garbage before its heap has 25 MiB, where it would by itself', () => {
  const [[limit] = []] = find(/"--initial-old-space-size=(\d+)"/g)
  expect(Number(limit)).toBeLessThanOrEqual(16)
})

test('toWorkerdConfig() passes [vars] on, unless the environment has them', () => {
  const config = readWranglerToml(`${WRANGLER_TOML}\n[vars]\nA = "say \\"hi\\""\nOWNER_KEY = "no"\n`)
  const text = toWorkerdConfig(config, OPTIONS)
  expect(text).toContain(String.raw`(name = "A", text = "say \"hi\"")`)
  expect(text).not.toContain('"no"')
})

test.each([
  ['a binding that workerd would not get', '[[kv_namespaces]]\nbinding = "KV"\n', /"kv_namespaces"/],
  ['a variable that is not a text', '[vars]\nA = 1\n', /A must be a text/],
])('readWranglerToml() refuses %s', (_what, extra, message) => {
  expect(() => readWranglerToml(`${WRANGLER_TOML}\n${extra}`)).toThrow(message)
})

test('readWranglerToml() names the value that is missing', () => {
  expect(() => readWranglerToml('name = "x"\nmain = "y"\n')).toThrow(/compatibility_date/)
})

test('toWorkerdConfig() gives upstreams a network of their own where they need not be public, and none otherwise', () => {
  verifies('promise.upstream.private')
  const text = toWorkerdConfig(readWranglerToml(WRANGLER_TOML), { ...OPTIONS, allowsPrivateUpstreams: true })
  expect(text).toContain('(name = "UPSTREAM_NETWORK", service = "upstream-network")')
  expect(text).toMatch(/\(name = "upstream-network", network = \(allow = \["public", "private"\]/)
  for (const word of ['UPSTREAM_NETWORK', 'network =']) expect(generated).not.toContain(word)
})
