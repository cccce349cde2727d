/** readUpstreamServer: which addresses a share may point at, in whatever spelling, and what it may be told there. */
import { describe, expect, test } from 'vitest'
import { readUpstreamServer, shownUpstreamUrl } from '../../../../../worker/access/upstream/upstream-server.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const PUBLIC = { mayBePrivate: false }

describe('readUpstreamServer', () => {
  test.each([
    'https://mcp.example.com/mcp',
    'https://MCP.Example.com:8443/a/b?key=1',
    'https://1.1.1.1/mcp',
    'https://[2606:4700::1111]/mcp',
    'https://172.32.0.1/mcp',
    'https://localhost.example.com/mcp',
    'https://local.example/mcp',
  ])('takes %s', (url) => {
    verifies('promise.upstream.public-only')
    expect(readUpstreamServer({ url }, PUBLIC)).toEqual({ ok: true, value: { url: new URL(url).href, headers: {} } })
  })

  test.each(['http://mcp.example.com/mcp', 'https://127.0.0.1/mcp', 'http://127.0.0.1:1/mcp'])('says of %s which relay takes it', (url) => {
    verifies('promise.upstream.public-only')
    const error = expect.stringMatching(/^url must be (?:https|at a public address).*ALLOW_PRIVATE_UPSTREAMS/)
    expect(readUpstreamServer({ url }, PUBLIC)).toEqual({ ok: false, error })
  })

  const PRIVATE = [
    '127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 127.0.0.1. 0.0.0.0 0 10.0.0.1 10.255.255.255 100.64.0.1 169.254.169.254',
    '172.16.0.1 172.31.255.255 192.168.1.1 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.9 224.0.0.1 255.255.255.255 240.0.0.1',
    '192.88.99.1 ①②⑦.0.0.1 127。0。0。1 [::] [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [fe80::1] [fc00::1]',
    '[fd12:3456::1] [ff02::1] [64:ff9b::7f00:1] [64:ff9b:1::1] [2002:7f00:1::] [2001:db8::1] [2001::1] [3fff::1] [4000::1]',
    '[100::1] localhost LOCALHOST localhost. a.localhost localhost.localdomain intranet router printer.local db.internal',
    'metadata.google.internal nas.lan x.home.arpa x.corp x.home x.private x.onion ℓocalhost x.ｌｏｃａｌ',
  ]

  test.each(PRIVATE.flatMap((line) => line.split(' ')))('refuses https://%s/', (host) => {
    verifies('promise.upstream.public-only')
    const read = readUpstreamServer({ url: `https://${host}/mcp` }, PUBLIC)
    expect(read).toEqual({ ok: false, error: expect.stringMatching(/^url must/) })
  })

  test.each([
    'http://mcp.example.com/',
    'ws://mcp.example.com/',
    'ftp://a.example/',
    'mcp.example.com',
    '',
    'https://',
    'https://a b.example/',
    'javascript:1',
  ])('refuses %j, which is no https URL', (url) => {
    verifies('promise.upstream.public-only')
    expect(readUpstreamServer({ url }, PUBLIC).ok).toBe(false)
  })

  test('refuses credentials in the URL, and one that is too long, without repeating them', () => {
    verifies('promise.upstream.credentials')
    for (const url of ['https://canary:canary@mcp.example.com/', `https://mcp.example.com/${'canary'.repeat(400)}`]) {
      const read = readUpstreamServer({ url }, PUBLIC)
      expect(read.ok ? 'canary' : read.error).not.toContain('canary')
    }
  })

  test('takes http and private addresses where that was allowed, and nothing but these', () => {
    verifies('promise.upstream.private')
    for (const url of ['http://127.0.0.1:3000/mcp', 'http://server/mcp'])
      expect(readUpstreamServer({ url }, { mayBePrivate: true }).ok).toBe(true)
    for (const url of ['file:///x', 'http://a:b@server/']) expect(readUpstreamServer({ url }, { mayBePrivate: true }).ok).toBe(false)
  })

  test('shows neither query nor fragment', () => {
    verifies('promise.upstream.credentials')
    expect(shownUpstreamUrl({ url: 'https://a.example/b?canary=1' })).toBe('https://a.example/b?…')
    expect(shownUpstreamUrl({ url: 'https://a.example/b' })).toBe('https://a.example/b')
  })
})
