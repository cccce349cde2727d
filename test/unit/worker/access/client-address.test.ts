import { describe, expect, test } from 'vitest'
import { clientAddress } from '../../../../worker/access/client-address.ts'
import { readSettings } from '../../../../worker/env.ts'
import { verifies } from '../../../requirements/verifies.ts'

type Variables = Parameters<typeof readSettings>[0]

function addressOf(cf: object | undefined, headers: Record<string, string>, variables: Variables = {}): string | undefined {
  return clientAddress({ cf, headers: new Headers(headers) }, readSettings(variables))
}

const SPOOFED = {
  'cf-connecting-ip': '198.51.100.1',
  'x-forwarded-for': '198.51.100.2',
  'x-real-ip': '198.51.100.3',
  forwarded: 'for=198.51.100.4',
  'true-client-ip': '198.51.100.5',
}
const PROXIED = { ADDRESS_HEADER: 'X-Forwarded-For' }

describe('clientAddress()', () => {
  test('is what Cloudflare says, and there alone', () => {
    verifies('promise.9.address')
    expect(addressOf({ colo: 'AMS' }, SPOOFED)).toBe('198.51.100.1')
    expect(addressOf({ colo: 'AMS' }, { 'cf-connecting-ip': '2001:db8:1:2:3:4:5:6' })).toBe('2001:db8:1:2::/64')
    expect(addressOf({ colo: 'AMS', clientIp: '192.0.2.1' }, SPOOFED, PROXIED)).toBe('198.51.100.1')
    expect(addressOf({ colo: 'AMS' }, {})).toBeUndefined()
  })

  test('is elsewhere that of the connection, whatever headers a client sends', () => {
    verifies('promise.9.address')
    expect(addressOf({ clientIp: '192.0.2.1:50123' }, SPOOFED)).toBe('192.0.2.1')
    expect(addressOf({ clientIp: '127.0.0.1' }, SPOOFED)).toBe('127.0.0.1')
    expect(addressOf({}, SPOOFED)).toBeUndefined()
    expect(addressOf(undefined, SPOOFED)).toBeUndefined()
  })

  test('is what a trusted proxy has written last, where the deployer has named its header', () => {
    verifies('promise.9.address')
    const forwarded = { 'x-forwarded-for': '198.51.100.9, 203.0.113.7' }
    expect(addressOf({ clientIp: '127.0.0.1' }, forwarded, PROXIED)).toBe('203.0.113.7')
    expect(addressOf({ clientIp: '[::1]:50123' }, forwarded, PROXIED)).toBe('203.0.113.7')
    // Of one that is not trusted it is a stranger's word.
    expect(addressOf({ clientIp: '192.0.2.1' }, forwarded, PROXIED)).toBe('192.0.2.1')
    expect(addressOf({ clientIp: '127.0.0.1' }, { 'x-real-ip': '198.51.100.3' }, PROXIED)).toBe('127.0.0.1')
  })

  test('passes over each proxy that is trusted, and stops at the first that is not', () => {
    const variables = { ...PROXIED, TRUSTED_PROXIES: '10.0.0.0/8, 2001:db8::/32' }
    const chain = { 'x-forwarded-for': '198.51.100.9, 203.0.113.7, 2001:db8::7, 10.1.1.1' }
    expect(addressOf({ clientIp: '10.0.0.7' }, chain, variables)).toBe('203.0.113.7')
    expect(addressOf({ clientIp: '127.0.0.1' }, chain, variables)).toBe('127.0.0.1')
    expect(addressOf({ clientIp: '10.0.0.7' }, { 'x-forwarded-for': '10.1.1.1' }, variables)).toBe('10.1.1.1')
    expect(addressOf({ clientIp: '10.0.0.7' }, { 'x-forwarded-for': '198.51.100.9, unknown' }, variables)).toBe('10.0.0.7')
  })
})

test.each([
  [{ ADDRESS_HEADER: 'X Forwarded' }, 'ADDRESS_HEADER'],
  [{ ADDRESS_HEADER: 'X-Forwarded-For', TRUSTED_PROXIES: 'proxy.example' }, 'TRUSTED_PROXIES'],
  [{ TRUSTED_PROXIES: '10.0.0.1' }, 'without ADDRESS_HEADER'],
])('readSettings(%j) names what is wrong', (variables, fault) => {
  expect(readSettings(variables).faults).toEqual([expect.stringContaining(fault)])
})
