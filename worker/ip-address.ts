/** Reads addresses of IPv4 and IPv6, and networks of them. Pure. */

/** 4 or 16 bytes. */
export type AddressBytes = readonly number[]

export interface Network {
  readonly bytes: AddressBytes
  /** How many of its bits count. */
  readonly bits: number
}

const V4_BYTES = 4
const V6_BYTES = 16
const V4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/
/** What an address of IPv6 may hold (RFC 4291 §2.2); more is left to the URL parser. */
const V6 = /^[\da-f:.]{2,45}$/i
/** An address with a port behind it, as some proxies and runtimes write it, and the name of an interface. */
const WITH_PORT = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/
const ZONE = /%.*$/
/** ::ffff:0:0/96: addresses of IPv4 in the words of IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]

/** The bytes of an address, with or without a port; one of IPv4 in the words of IPv6 is that of IPv4. Undefined for anything else. */
export function readAddress(text: string): AddressBytes | undefined {
  const [, bracketed, v4] = WITH_PORT.exec(text.trim()) ?? []
  const plain = (bracketed ?? v4 ?? text.trim()).replace(ZONE, '')
  const bytes = readV4(plain) ?? readV6(plain)
  return bytes !== undefined && MAPPED.every((byte, at) => bytes[at] === byte) ? bytes.slice(MAPPED.length) : bytes
}

/** An address, or one with the number of bits that count behind a slash (RFC 4632 §3.1). */
export function readNetwork(text: string): Network | undefined {
  const [address = '', length, ...more] = text.trim().split('/')
  const bytes = readAddress(address)
  if (bytes === undefined || more.length > 0) return undefined
  const most = 8 * bytes.length
  if (length === undefined) return { bytes, bits: most }
  return /^\d{1,3}$/.test(length) && Number(length) <= most ? { bytes, bits: Number(length) } : undefined
}

/** Networks of IPv4 that are not of the Internet's own addresses (RFC 6890, and the IANA registry of special-purpose addresses). */
const V4_SPECIAL = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]
/** Of IPv6 what is global unicast (RFC 4291 §2.4), and what of that stands for another address, or for none. */
const V6_GLOBAL = '2000::/3'
const V6_SPECIAL = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

/** Whether everybody may reach what has this address: it is of no private, local, shared or documented network, nor stands for one. */
export function isPublicAddress(address: AddressBytes): boolean {
  const isIn = (networks: readonly string[]): boolean =>
    networks.map(readNetwork).some((network) => network !== undefined && isWithin(address, network))
  return address.length === V4_BYTES ? !isIn(V4_SPECIAL) : isIn([V6_GLOBAL]) && !isIn(V6_SPECIAL)
}

export function isWithin(address: AddressBytes, { bytes, bits }: Network): boolean {
  if (address.length !== bytes.length) return false
  return bytes.every((byte, at) => {
    const counted = Math.min(8, Math.max(0, bits - 8 * at))
    return ((byte ^ (address[at] ?? 0)) & (0xff00 >> counted) & 0xff) === 0
  })
}

/** Who can be told apart by an address: one of IPv4, and of IPv6 a network of 64 bits, of which each customer has at least one (RFC 6177 §2). */
export function writeSource(address: AddressBytes): string {
  if (address.length === V4_BYTES) return address.join('.')
  const groups = [0, 2, 4, 6].map((at) => (((address[at] ?? 0) << 8) | (address[at + 1] ?? 0)).toString(16))
  return `${groups.join(':')}::/64`
}

function readV4(text: string): AddressBytes | undefined {
  const [, ...parts] = V4.exec(text) ?? []
  const bytes = parts.map(Number)
  return bytes.length === V4_BYTES && bytes.every((byte) => byte <= 255) ? bytes : undefined
}

function readV6(text: string): AddressBytes | undefined {
  if (!V6.test(text) || !URL.canParse(`http://[${text}]`)) return undefined
  // In one spelling: groups in hex, and at most one gap.
  const [head = '', tail] = new URL(`http://[${text}]`).hostname.slice(1, -1).split('::')
  const [before, after] = [groupsIn(head), groupsIn(tail ?? '')]
  const gap = Array.from({ length: V6_BYTES - before.length - after.length }, () => 0)
  return [...before, ...gap, ...after]
}

function groupsIn(text: string): number[] {
  return text === '' ? [] : text.split(':').flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
}
