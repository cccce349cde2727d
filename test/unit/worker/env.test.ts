import { expect, test } from 'vitest'
import { readSettings, relayOrigin } from '../../../worker/env.ts'
import { readNetwork } from '../../../worker/ip-address.ts'
import { AWAY_WAIT_MS, INPUT_WAIT_MS, QUIET_STREAM_MS } from '../../../worker/limits.ts'

test('readSettings() without variables is a public relay that nobody owns', () => {
  expect(readSettings({})).toEqual({
    ownerKey: undefined,
    signingKey: undefined,
    allowedOrigins: new Set(),
    allowedHosts: new Set(),
    publicOrigin: undefined,
    loopback: false,
    shareDomain: undefined,
    hasAgentHosts: false,
    hasPathSignIn: true,
    addressHeader: undefined,
    trustedProxies: ['127.0.0.0/8', '::1'].map(readNetwork),
    pollAfterMs: QUIET_STREAM_MS,
    awayWaitMs: AWAY_WAIT_MS,
    inputWaitMs: INPUT_WAIT_MS,
    faults: [],
  })
})

test('readSettings() takes an empty variable for one that is not set', () => {
  expect(
    readSettings({
      OWNER_KEY: '',
      SIGNING_KEY: '',
      PUBLIC_URL: '',
      LOOPBACK: '',
      SHARE_DOMAIN: '',
      ADDRESS_HEADER: '',
      TRUSTED_PROXIES: '',
      ALLOWED_HOSTS: ' , ',
      POLL_AFTER_SECONDS: '',
      AWAY_WAIT_SECONDS: '',
      INPUT_WAIT_SECONDS: '',
    }),
  ).toEqual(readSettings({}))
})

test.each([
  ['OWNER_KEY', 'x'.repeat(15)],
  ['SIGNING_KEY', 'x'.repeat(31)],
  ['PUBLIC_URL', 'relay.test'],
  ['PUBLIC_URL', 'https://relay.test/path'],
  ['PUBLIC_URL', 'ftp://relay.test'],
  ['SHARE_DOMAIN', 'https://share.test'],
  ['SHARE_DOMAIN', '*.share.test'],
  ['SHARE_DOMAIN', 'share.test:8787'],
  ['POLL_AFTER_SECONDS', '-7'],
  ['POLL_AFTER_SECONDS', 'soon'],
  ['POLL_AFTER_SECONDS', '86401'],
  ['AWAY_WAIT_SECONDS', '-7'],
  ['AWAY_WAIT_SECONDS', 'a while'],
  ['AWAY_WAIT_SECONDS', '601'],
  ['INPUT_WAIT_SECONDS', '-7'],
  ['INPUT_WAIT_SECONDS', '3601'],
])('readSettings() reports a %s of %j, without its value', (name, value) => {
  const { faults } = readSettings({ [name]: value })
  expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} is `))])
  expect(faults.join()).not.toContain(value)
})

test('readSettings() has a host for each share below SHARE_DOMAIN, and below localhost on a loopback relay', () => {
  expect(readSettings({ SHARE_DOMAIN: 'Share.Example.com' })).toMatchObject({ shareDomain: 'share.example.com', hasPathSignIn: false })
  expect(readSettings({ LOOPBACK: '1' })).toMatchObject({ shareDomain: 'localhost', hasPathSignIn: true })
  expect(readSettings({ LOOPBACK: '1', SHARE_DOMAIN: 'a.test' })).toMatchObject({ shareDomain: 'a.test', hasPathSignIn: false })
})

test('readSettings() takes POLL_AFTER_SECONDS as seconds', () => {
  expect(readSettings({ POLL_AFTER_SECONDS: '1.5' })).toMatchObject({ pollAfterMs: 1500, faults: [] })
})

test('readSettings() takes AGENT_HOSTS for a switch, below a domain that has room for such names', () => {
  for (const on of ['true', ' TRUE ', '1']) expect(readSettings({ AGENT_HOSTS: on })).toMatchObject({ hasAgentHosts: true, faults: [] })
  for (const off of ['', 'false', '0']) expect(readSettings({ AGENT_HOSTS: off })).toMatchObject({ hasAgentHosts: false, faults: [] })
  expect(readSettings({ AGENT_HOSTS: 'perhaps' })).toMatchObject({ hasAgentHosts: false, faults: [expect.stringContaining('AGENT_HOSTS')] })
  const long = `${'a'.repeat(60)}.`.repeat(3) + 'example.com'
  expect(readSettings({ AGENT_HOSTS: 'true', SHARE_DOMAIN: long }).faults).toEqual([expect.stringContaining('190 characters')])
  expect(readSettings({ SHARE_DOMAIN: long }).faults).toEqual([])
})

test('readSettings() takes AWAY_WAIT_SECONDS as seconds, and 0 for no wait', () => {
  expect(readSettings({ AWAY_WAIT_SECONDS: '60' })).toMatchObject({ awayWaitMs: 60_000, faults: [] })
  expect(readSettings({ AWAY_WAIT_SECONDS: '0' })).toMatchObject({ awayWaitMs: 0, faults: [] })
})

test('readSettings() takes INPUT_WAIT_SECONDS as seconds', () => {
  expect(readSettings({ INPUT_WAIT_SECONDS: '2' })).toMatchObject({ inputWaitMs: 2000, faults: [] })
})

test('relayOrigin() is the public one when there is one', () => {
  const request = new Request('http://127.0.0.1:8787/api/shares')
  expect(relayOrigin(request, readSettings({}))).toBe('http://127.0.0.1:8787')
  expect(relayOrigin(request, readSettings({ PUBLIC_URL: 'https://mcp.example.com/' }))).toBe('https://mcp.example.com')
})
