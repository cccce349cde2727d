/** docs/seeds.md has a row for each promise of the systems that it names, and none of what is built is without a requirement, which has tests. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { allRequirements } from '../../requirements/ledger.ts'

interface Row {
  readonly item: string
  readonly name: string
  readonly status: string
  readonly text: string
}

const page = readFileSync(new URL('../../../docs/seeds.md', import.meta.url), 'utf8')
const rows: Row[] = page.split('\n').flatMap((line) => {
  const [, item = '', name = '', status = '', text = ''] = line.split('|').map((cell) => cell.trim())
  return /^00\d\./.test(item) ? [{ item, name, status, text }] : []
})
const known = new Set(allRequirements().map(([id]) => id))

/** Numbers of the promises of each system. */
const PROMISED: Readonly<Record<string, readonly number[]>> = {
  '000': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
  '001': [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16],
  '002': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 16, 18, 21],
  '003': [1, 2, 3, 4, 5, 6, 8, 9, 10, 13, 14],
  '004': [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22],
}

/** What the documents tell to type. */
const TYPED = `
  tunnel_url, relay_connection_id, cloud_server_url, expires_at, permissions, is_active, ngrok.connect
  reverse_client, register_tool, proxy_url, start(true), stop(), is_running(), poll_timeout_seconds, retry_delay_seconds
  cmake, proxy_server, reverse_server_example, proxy_client_example
  MCP_WEB_UI_USE_GATEWAY, MCP_WEB_UI_GATEWAY_URL, MCP_WEB_UI_MONGO_URL, MCP_WEB_UI_MONGO_DB_NAME, MCP_WEB_UI_JWT_SECRET
  MCP_WEB_UI_PROXY_PREFIX, MCP_WEB_UI_BASE_URL, MCP_WEB_UI_PORT_MIN, MCP_WEB_UI_PORT_MAX, MCP_WEB_UI_PROXY_MODE
  npm run proxy, npm run gateway, DEBUG=true, serverName
  PROXY_MODE=1, SLAVE_CODES, PROXY_WS_PORT, MCP_SERVER_PORT, PROXY_SLAVE=1, SLAVE_CODE, PROXY_SERVER_URL
  GITLAB_TOKEN, GITHUB_TOKEN, npm run test:proxy, call time-out, create_jwt_token
  --local-stdio, --gateway, --token, --reconnect-delay, --max-retries, --keepalive, --log-level, --verbose, --config
  REVERSE_PROXY_GATEWAY, REVERSE_PROXY_TOKEN, REVERSE_PROXY_RECONNECT_DELAY, REVERSE_PROXY_MAX_RETRIES, REVERSE_PROXY_LOG_LEVEL
  max message sizes, rate limiting, memory and CPU limits, local_stdio, reverse_proxy_connections_total`
  .split(/[,\n] */)
  .flatMap((typed) => (typed.trim() === '' ? [] : [typed.trim()]))

describe('docs/seeds.md', () => {
  test.each(TYPED)('says what becomes of %s', (typed) => {
    expect(rows.filter(({ name }) => name.includes(typed)).length).toBeGreaterThan(0)
  })

  test('has a row for each promise, and no item twice', () => {
    const items = rows.map(({ item }) => item)
    for (const [system, numbers] of Object.entries(PROMISED))
      expect(items).toEqual(expect.arrayContaining(numbers.map((n) => `${system}.${n}`)))
    expect(new Set(items).size).toBe(items.length)
  })

  test.each(rows)(
    '$item is built and shown by requirements that there are, refused with a reason, or not built yet',
    ({ status, text }) => {
      expect(['built', 'refused', 'not built yet']).toContain(status)
      const named = [...text.matchAll(/`([a-z]+(?:\.[a-z0-9-]+)+)`/g)].map(([, id = '']) => id).filter((id) => !id.endsWith('.md'))
      if (status === 'built') expect(named.length).toBeGreaterThan(0)
      expect(named.filter((id) => !known.has(id))).toEqual([])
      if (status === 'refused') expect(text.split(' ').length).toBeGreaterThan(5)
    },
  )
})
