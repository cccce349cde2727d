/**
 * From where a request has come. A client says nothing of that which is believed: on Cloudflare its network says it, elsewhere the runtime
 * says whose connection it is, and a proxy's header counts where the deployer has named it and the connection is that proxy's.
 */
import type { Settings } from '../env.ts'
import { type AddressBytes, isWithin, readAddress, writeSource } from '../ip-address.ts'

/** What the runtime says of a request's connection; no client can set any of it. `colo`: on Cloudflare alone. `clientIp`: of `workerd` by itself. */
interface Connection {
  readonly colo?: unknown
  readonly clientIp?: unknown
}

/** Set by Cloudflare's network on each request, whatever its client has sent. */
const CLOUDFLARE_HEADER = 'cf-connecting-ip'

/** An address of IPv4, or a network of 64 bits of IPv6; undefined where nobody says. */
export function clientAddress(request: Pick<Request, 'headers'> & { readonly cf?: unknown }, settings: ProxySettings): string | undefined {
  const { colo, clientIp } = (request.cf ?? {}) as Connection
  const address =
    typeof colo === 'string'
      ? readAddress(request.headers.get(CLOUDFLARE_HEADER) ?? '')
      : typeof clientIp === 'string'
        ? behindProxies(readAddress(clientIp), request.headers, settings)
        : undefined
  return address === undefined ? undefined : writeSource(address)
}

export type ProxySettings = Pick<Settings, 'addressHeader' | 'trustedProxies'>

/**
 * Each proxy adds at the end of the header whose connection it had. So the list is read from there for as long as the one who has
 * added an entry is trusted; what stands before is a stranger's word.
 */
function behindProxies(peer: AddressBytes | undefined, headers: Headers, { addressHeader, trustedProxies }: ProxySettings) {
  if (peer === undefined || addressHeader === undefined) return peer
  const isTrusted = (address: AddressBytes): boolean => trustedProxies.some((network) => isWithin(address, network))
  const entries = (headers.get(addressHeader) ?? '').split(',')
  let address = peer
  while (isTrusted(address)) {
    const before = readAddress(entries.pop() ?? '')
    if (before === undefined) break
    address = before
  }
  return address
}
