import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isWithin, readAddress, readNetwork, writeSource } from '../../../worker/ip-address.ts'

function within(address: string, network: string): boolean {
  const [read, of] = [readAddress(address), readNetwork(network)]
  if (read === undefined || of === undefined) throw new Error(`${address} in ${network}`)
  return isWithin(read, of)
}

function sourceOf(text: string): string | undefined {
  const address = readAddress(text)
  return address === undefined ? undefined : writeSource(address)
}

describe('readAddress()', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7'],
    [' 192.0.2.7:50123 ', '192.0.2.7'],
    ['[2001:db8:1:2:3::4]:443', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8::', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['::ffff:c000:207', '192.0.2.7'],
  ])('reads %s as one of %s', (text, source) => {
    expect(sourceOf(text)).toBe(source)
  })

  test.each([
    '',
    'unknown',
    '192.0.2',
    '192.0.2.256',
    '192.0.2.7.8',
    '1.2.3.4x',
    '2001:db8::1::2',
    '2001:db8',
    '[]',
    'a.b',
    '::1]x',
    '0x7f.1',
    '_hidden',
  ])('reads no address in %j', (text) => {
    expect(readAddress(text)).toBeUndefined()
  })

  test('never throws', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\d.:a-f[\]%/]{0,50}$/)), (text) => void readAddress(text)))
  })

  test('reads every address of IPv6, in whatever spelling, as its first 64 bits', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const source = sourceOf(text)
        expect(source).toMatch(/^(?:[\da-f]{1,4}:){4}:\/64$|^(?:\d{1,3}\.){3}\d{1,3}$/)
        const [inUrl] = /(?<=\[).*(?=\])/.exec(new URL(`http://[${text}]`).hostname) ?? []
        expect(sourceOf(inUrl ?? '')).toBe(source)
      }),
    )
  })
})

describe('isWithin()', () => {
  test.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.0.0.127', '10.0.0.0/25', true],
    ['10.0.0.128', '10.0.0.0/25', false],
    ['10.0.0.1', '10.0.0.1', true],
    ['10.0.0.2', '10.0.0.1', false],
    ['192.0.2.1', '0.0.0.0/0', true],
    ['2001:db8:1::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['192.0.2.1', '::/0', false],
    ['::ffff:10.0.0.1', '10.0.0.0/8', true],
  ])('%s in %s: %s', (address, network, is) => {
    expect(within(address, network)).toBe(is)
  })

  test.each(['10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', 'x/8', '10.0.0.0/-1'])('%s is no network', (text) => {
    expect(readNetwork(text)).toBeUndefined()
  })
})
