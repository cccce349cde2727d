import { expect, test } from 'vitest'
import { decodeAgentToken, endFault, isLoopback, linkUrl } from '../../../../agent/config/token.ts'

function tokenOf(claims: unknown): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
}

const CLAIMS = { aud: 'mcp-edge/agent', share: 'abc', iss: 'https://relay.example' }

test('decodeAgentToken() reads share and relay without verifying', () => {
  expect(decodeAgentToken(tokenOf(CLAIMS))).toEqual({ share: 'abc', issuer: 'https://relay.example' })
  expect(decodeAgentToken(tokenOf({ ...CLAIMS, iss: undefined }))).toEqual({ share: 'abc', issuer: undefined })
})

test.each([
  ['', 'TOKEN_MALFORMED', 1],
  ['mcpe_owner_abc', 'TOKEN_WRONG_KIND', 3],
  ['a.b.c', 'TOKEN_MALFORMED', 1],
  [tokenOf(null), 'TOKEN_MALFORMED', 1],
  [tokenOf({ ...CLAIMS, share: '../x' }), 'TOKEN_MALFORMED', 1],
  [tokenOf({ ...CLAIMS, share: 7 }), 'TOKEN_MALFORMED', 1],
  [tokenOf({ ...CLAIMS, aud: 'mcp-edge/client' }), 'TOKEN_WRONG_KIND', 3],
])('decodeAgentToken(%j) fails with %s', (token, code, exit) => {
  expect(() => decodeAgentToken(token)).toThrow(expect.objectContaining({ code, exit }))
})

test.each([
  [undefined, 'wss://relay.example/agent/abc'],
  ['http://127.0.0.1:8787/', 'ws://127.0.0.1:8787/agent/abc'],
  ['https://other.example/some/path?x=1', 'wss://other.example/agent/abc'],
  ['ws://[::1]:1', 'ws://[::1]:1/agent/abc'],
])('linkUrl() with --relay %s dials %s', (relay, url) => {
  expect(linkUrl({ share: 'abc', issuer: 'https://relay.example' }, relay).href).toBe(url)
})

test.each(['relay.example', 'ftp://relay.example', 'javascript:1', ''])('linkUrl() refuses --relay %j', (relay) => {
  expect(() => linkUrl({ share: 'abc', issuer: undefined }, relay)).toThrow(expect.objectContaining({ code: 'RELAY_MALFORMED', exit: 1 }))
})

test('linkUrl() names the server beside others of its share', () => {
  expect(linkUrl({ share: 'abc', issuer: 'https://r' }, undefined, 'docs').href).toBe('wss://r/agent/abc?server=docs')
})

test('linkUrl() without any relay says that one is missing', () => {
  expect(() => linkUrl({ share: 'abc', issuer: undefined }, undefined)).toThrow(expect.objectContaining({ code: 'RELAY_MISSING' }))
})

test.each([
  ['ws://localhost:1', true],
  ['ws://a.localhost', true],
  ['ws://127.8.9.1', true],
  ['ws://[::1]', true],
  ['wss://127.0.0.1.example.com', false],
  ['wss://relay.example', false],
])('isLoopback(%s) is %s', (url, expected) => {
  expect(isLoopback(new URL(url))).toBe(expected)
})

test.each([
  [`"${tokenOf(CLAIMS)}"`, 'quotation marks'],
  [`${tokenOf(CLAIMS)}'`, 'quotation marks'],
  ["'eyJ", 'quotation marks'],
  ['\u201ceyJ.x.y\u201d', 'quotation marks'],
  ['Bearer eyJ.x.y', 'leave the word Bearer out'],
  ['https://relay.example/s/x/k/y/mcp', 'but a URL'],
  ['eyJhbGci OiJIUzI1NiJ9', 'white space in it'],
  ['eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJtY3At', 'cut off'],
  ['mcpe_owner_abc', 'the owner key of the relay'],
  ['"mcpe_owner_abc"', 'the owner key of the relay'],
  ['Bearer mcpe_owner_abc', 'the owner key of the relay'],
  [tokenOf(CLAIMS).slice(1), 'its beginning is missing'],
  [`<${tokenOf(CLAIMS)}abcdefgh>`, 'something stands before, in or behind it'],
  [`MCP_EDGE_TOKEN=${tokenOf(CLAIMS)}abcdefgh`, 'something stands before, in or behind it'],
  [`{"agent_token":"${tokenOf(CLAIMS)}abcdefgh"}`, 'something stands before, in or behind it'],
  [`${tokenOf(CLAIMS)}abcdefgh${tokenOf(CLAIMS)}`, 'something stands before, in or behind it'],
])('decodeAgentToken(%j) says what is wrong with it', (token, text) => {
  expect(() => decodeAgentToken(token)).toThrow(expect.objectContaining({ message: expect.stringContaining(text) as string }))
})

test.each([
  [`a.b.${'c'.repeat(43)}`, undefined],
  [`a.b.${'c'.repeat(42)}`, 'token.short'],
  ['a.b', 'token.short'],
  [`a.b.${'c'.repeat(44)}`, 'token.long'],
])('endFault() looks at how long the last part of %s is', (token, event) => {
  expect(endFault(token)?.event).toBe(event)
})

test('linkUrl() of a server that has a name says which', () => {
  expect(linkUrl({ share: 'abc', issuer: 'https://relay.example' }, undefined, 'git').href).toBe('wss://relay.example/agent/abc?server=git')
})
