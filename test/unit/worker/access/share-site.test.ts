import { describe, expect, test } from 'vitest'
import { keyMetadataUrl, protectedResource, resourceAt, resourceChallenge, signInBase } from '../../../../worker/access/share-site.ts'
import { readSettings } from '../../../../worker/env.ts'

const SHARE = 'abcdefghijklmnopqrstuvwxyz234567'
const hosted = readSettings({ SHARE_DOMAIN: 'share.example' })
const proxied = readSettings({ SHARE_DOMAIN: 'share.example', PUBLIC_URL: 'https://relay.example:8443' })
const loopback = readSettings({ LOOPBACK: '1' })
const open = readSettings({})

describe('signInBase()', () => {
  test.each([
    ['of a relay without domain, below the path', open, `https://relay.example/s/${SHARE}/mcp`, `https://relay.example/s/${SHARE}`],
    ['of a relay over plain HTTP: nowhere', open, `http://192.0.2.1/s/${SHARE}/mcp`, undefined],
    ['of a relay with domain, at its own origin: nowhere', hosted, `https://relay.example/s/${SHARE}/mcp`, undefined],
    ["on the share's host", hosted, `https://${SHARE}.share.example/mcp`, `https://${SHARE}.share.example`],
    ['on the host of another share: nowhere', hosted, `https://${SHARE.replace('a', 'z')}.share.example/mcp`, undefined],
    ['behind a proxy', proxied, `http://${SHARE}.share.example/mcp`, `https://${SHARE}.share.example:8443`],
    ['of this machine, by a host', loopback, `http://${SHARE}.localhost:8787/mcp`, `http://${SHARE}.localhost:8787`],
    ['of this machine, by a path', loopback, `http://127.0.0.1:8787/s/${SHARE}/mcp`, `http://127.0.0.1:8787/s/${SHARE}`],
  ])('%s', (_, settings, url, base) => {
    expect(signInBase({ url }, settings, SHARE)).toBe(base)
  })
})

test.each([
  ['/mcp', 'mcp'],
  ['/mcp/', 'mcp'],
  ['/sse', 'sse'],
  ['/messages?sessionId=x', 'sse'],
])('protectedResource() of %s is the URL that a person types', (path, endpoint) => {
  const url = `https://relay.example/s/${SHARE}`
  expect(protectedResource({ url: `${url}${path}` }, open, SHARE)).toEqual({
    url: `${url}/${endpoint}`,
    metadataUrl: `https://relay.example/.well-known/oauth-protected-resource/s/${SHARE}/${endpoint}`,
  })
})

test('protectedResource() of anything else is none', () => {
  expect(protectedResource({ url: `https://relay.example/s/${SHARE}/other` }, open, SHARE)).toBeUndefined()
})

test('resourceChallenge() names the metadata last', () => {
  const metadataUrl = 'https://relay.example/x'
  expect(resourceChallenge({ metadataUrl }, {})).toBe('Bearer resource_metadata="https://relay.example/x"')
  expect(resourceChallenge({ metadataUrl }, { error: 'invalid_token' })).toBe(
    'Bearer error="invalid_token", resource_metadata="https://relay.example/x"',
  )
})

test.each([
  ['/s/share/k/key/mcp', '/s/share/k/key/mcp'],
  ['/s/share/k/key/mcp/', '/s/share/k/key/mcp'],
  ['/s/share/k/key/name/messages?sessionId=x', '/s/share/k/key/name/sse'],
  ['/share/share.key/sse', '/share/share.key/sse'],
])('keyMetadataUrl() and resourceAt() of %s speak of the same URL', (asked, resource) => {
  const metadata = keyMetadataUrl({ url: `https://relay.example${asked}` }, open)
  expect(metadata).toBe(`https://relay.example/.well-known/oauth-protected-resource${resource}`)
  expect(resourceAt({ url: metadata }, open)).toBe(`https://relay.example${resource}`)
  expect(keyMetadataUrl({ url: `http://inside${asked}` }, proxied)).toBe(
    `https://relay.example:8443/.well-known/oauth-protected-resource${resource}`,
  )
})
