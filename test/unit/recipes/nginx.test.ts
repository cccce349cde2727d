import { expect, test } from 'vitest'
import { MAX_REQUEST_BYTES } from '../../../protocol/limits.ts'
import { KEEPALIVE_MS } from '../../../worker/limits.ts'
import { verifies } from '../../requirements/verifies.ts'
import { readRecipe, settings } from './recipe-files.ts'

test('mcp-edge.conf waits longer than the relay is silent, takes what the relay takes, and logs no URL', () => {
  verifies('promise.recipes.proxies')
  const conf = readRecipe('nginx/mcp-edge.conf')
  for (const name of ['proxy_read_timeout', 'proxy_send_timeout']) {
    expect(settings(conf, name).map(Number.parseFloat)[0]).toBeGreaterThan((2 * KEEPALIVE_MS) / 1000)
  }
  expect(settings(conf, 'client_max_body_size').map(Number.parseFloat)[0]).toBeGreaterThan(MAX_REQUEST_BYTES / 2 ** 20)
  expect([...settings(conf, 'proxy_buffering'), ...settings(conf, 'proxy_request_buffering')]).toEqual(['off', 'off'])
  expect(settings(conf, 'access_log')).toEqual(['off'])
  expect(settings(conf, 'error_log')[0]).toMatch(/ crit$/)
})
