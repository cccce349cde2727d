/** A share's MCP URL that a person opens in a browser, in the real runtime: a page that says what it is, which no program gets. */
import { exports } from 'cloudflare:workers'
import { describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { askAsOwner, createShare, ORIGIN, type TestShare } from '../harness/relay.ts'
import { keyOf } from '../harness/web-agent.ts'

/** As Chrome and Firefox ask for what is typed into their address bar. */
const BROWSERS = [
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
  'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
]

function get(path: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return exports.default.fetch(new Request(`${ORIGIN}${path}`, { headers }))
}

async function keyed(): Promise<{ readonly share: TestShare; readonly path: string; readonly id: string }> {
  const share = await createShare()
  const { key, id } = await keyOf(share)
  return { share, path: `/s/${share.id}/k/${key}/mcp`, id }
}

describe('a browser', () => {
  test.each(BROWSERS)('gets a page, without the address and its key, that runs and loads nothing (%s)', async (accept) => {
    verifies('promise.8.browser-page')
    const { share, path } = await keyed()
    for (const at of [path, `${path}/`, path.replace(/mcp$/, 'sse')]) {
      const response = await get(at, { accept })
      const html = await response.text()
      expect([response.status, response.headers.get('content-type')], at).toEqual([200, 'text/html; charset=utf-8'])
      expect(html).toContain('claude mcp add --transport http')
      expect(html).toContain('password')
      expect(html).not.toContain(share.id)
      expect(html).not.toContain(path.split('/')[4])
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
      expect(response.headers.get('referrer-policy')).toBe('no-referrer')
      expect(response.headers.get('cache-control')).toBe('no-store')
    }
  })

  test('is told what is missing, or wrong, in the status that programs get', async () => {
    verifies('promise.8.browser-page')
    const [accept = ''] = BROWSERS
    const { share, path, id } = await keyed()
    const bare = await get(`/s/${share.id}/mcp`, { accept })
    expect([bare.status, bare.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('Bearer')])
    expect(await bare.text()).toContain('must send a token, or have you sign in')
    expect((await askAsOwner('DELETE', `/api/shares/${share.id}/tokens/${id}`)).status).toBe(204)
    const revoked = await get(path, { accept })
    expect([revoked.status, await revoked.text()]).toEqual([410, expect.stringContaining('LINK_REVOKED') as string])
    const wrong = await get(path.replace(/k\/../, 'k/aa'), { accept })
    expect([wrong.status, await wrong.text()]).toEqual([404, expect.stringContaining('(LINK_NOT_FOUND)') as string])
  })
})

test('no program gets it: not whoever takes events or JSON, has a session, or says a revision or who it is', async () => {
  verifies('promise.8.browser-page')
  const { share, path } = await keyed()
  const [accept = ''] = BROWSERS
  for (const headers of [
    { accept: 'text/event-stream' },
    { accept: 'text/html, text/event-stream' },
    { accept: 'application/json, text/html' },
    { accept: '*/*' },
    { accept, 'mcp-session-id': 'x' },
    { accept, 'mcp-protocol-version': '2025-11-25' },
    { accept, 'last-event-id': 'x' },
    { accept, authorization: `Bearer ${share.clientToken}` },
  ]) {
    const response = await get(path, headers)
    expect(response.headers.get('content-type'), JSON.stringify(headers)).toBe('application/json')
    expect(response.status).toBeGreaterThanOrEqual(400)
    await response.body?.cancel()
  }
})
