import { expect, test } from 'vitest'
import { webUrl } from '../../../selfhost/web-url.ts'

const PLACE = { origin: 'http://127.0.0.1:8787', sharePath: '/s/abc/k/key/mcp', shareDomain: '', host: '127.0.0.1', isProxied: false }

test('webUrl() is on a host of the app, where browsers find that, else below a path', () => {
  expect(webUrl(PLACE)).toBe('http://abc-app.localhost:8787/?mcp_edge_key=key')
  expect(webUrl({ ...PLACE, host: '0.0.0.0' })).toBe('http://127.0.0.1:8787/s/abc/k/key/http/')
  const proxied = { ...PLACE, origin: 'https://mcp.example', isProxied: true }
  expect(webUrl(proxied)).toBe('https://mcp.example/s/abc/k/key/http/')
  expect(webUrl({ ...proxied, shareDomain: 'share.example' })).toBe('https://abc-app.share.example/?mcp_edge_key=key')
})
