/** What is deployed, as wrangler.toml says it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { expect, test } from 'vitest'

const config = parse(readFileSync(join(import.meta.dirname, '../../../wrangler.toml'), 'utf8'))

test('wrangler.toml keeps the relay’s own log lines and no invocation logs, which hold the keys of links', () => {
  expect(config['observability']).toEqual({ enabled: true, logs: { invocation_logs: false } })
})

test('wrangler.toml makes no preview hosts, which rules of the owner’s zone do not cover', () => {
  expect(config['preview_urls']).toBe(false)
})
