/** What the platform hands to the relay: bindings and variables, read and checked once per isolate. */
import { AWAY_WAIT_MS, INPUT_WAIT_MS, QUIET_STREAM_MS } from './limits.ts'
import { type Network, readNetwork } from './ip-address.ts'
import type { LongPollObject, ShareObject, RegistryObject, SignInObject } from './contract/objects.ts'

export interface Env {
  readonly SHARE: DurableObjectNamespace<ShareObject>
  readonly REGISTRY: DurableObjectNamespace<RegistryObject>
  readonly SIGN_IN: DurableObjectNamespace<SignInObject>
  readonly LONG_POLL: DurableObjectNamespace<LongPollObject>
  /** Bearer of the owner's API. When it is not set, the relay must be claimed. */
  readonly OWNER_KEY?: string
  /** Seed of every token. When it is not set, the registry makes one on first use. */
  readonly SIGNING_KEY?: string
  /** Origins of web pages that may use the relay, separated by commas; `*` is every page. */
  readonly ALLOWED_ORIGINS?: string
  /** Host names, with or without port, under which the relay may be reached, separated by commas. */
  readonly ALLOWED_HOSTS?: string
  /** Origin under which the world sees a relay that stands behind a proxy, such as `https://mcp.example.com`. */
  readonly PUBLIC_URL?: string
  /** Domain below which each share has a host of its own, `<share>.<domain>`, where people sign in. */
  readonly SHARE_DOMAIN?: string
  /** `true` lets agents in that can send neither a header nor a path, by secret host names below that domain. */
  readonly AGENT_HOSTS?: string
  /** Where the relay does not run on Cloudflare: the header in which a trusted proxy says whose connection it had. */
  readonly ADDRESS_HEADER?: string
  /** Addresses and networks of the proxies that are trusted with it, separated by commas; loopback addresses where it is not set. */
  readonly TRUSTED_PROXIES?: string
  /** Set, to anything but an empty text, for a relay that listens on a loopback address only. */
  readonly LOOPBACK?: string
  /** What reaches upstreams that are not public too: only where the relay is hosted by its owner, who has said so. */
  readonly UPSTREAM_NETWORK?: Fetcher
  /** Seconds after which a quiet answer stream ends whose client can come back for it. */
  readonly POLL_AFTER_SECONDS?: string
  /** Seconds that a request waits for an agent that is away. */
  readonly AWAY_WAIT_SECONDS?: string
  /** Seconds that a client of a session may think about a question of a server that knows no sessions. */
  readonly INPUT_WAIT_SECONDS?: string
}

/** The variables in the form the relay uses. A variable that cannot be used is left out and named in `faults`. */
export interface Settings {
  readonly ownerKey: string | undefined
  readonly signingKey: string | undefined
  readonly allowedOrigins: ReadonlySet<string>
  readonly allowedHosts: ReadonlySet<string>
  readonly publicOrigin: string | undefined
  readonly loopback: boolean
  /** Each share is also at `<share>.<shareDomain>`; `localhost` for a loopback relay that names none. */
  readonly shareDomain: string | undefined
  /** Agents may be let in by secret host names. */
  readonly hasAgentHosts: boolean
  /** People sign in below `/s/<share>` too: there is no SHARE_DOMAIN. */
  readonly hasPathSignIn: boolean
  /** In lower case. */
  readonly addressHeader: string | undefined
  readonly trustedProxies: readonly Network[]
  readonly pollAfterMs: number
  readonly awayWaitMs: number
  readonly inputWaitMs: number
  /** What the deployer has to correct, one sentence each; never holds a value. */
  readonly faults: readonly string[]
}

const MIN_SIGNING_KEY_CHARS = 32
/** An owner key can be tried from anywhere, so a short one is no key. */
const MIN_OWNER_KEY_CHARS = 16

/** A day: beyond it a client has long given up. */
const POLL_SECONDS = { min: 1, max: 86_400 }
/** Ten minutes: what waits that long is better called again. */
const AWAY_SECONDS = { min: 0, max: 600 }
/** An hour: as long as a call whose client is asked is kept. */
const INPUT_SECONDS = { min: 1, max: 3_600 }

/** Every name below it means this machine (RFC 6761 §6.3). */
const LOOPBACK_DOMAIN = 'localhost'
/** A name has 253 characters at most (RFC 1035 §2.3.4), a share's label and its dot 33 of them. */
const MAX_DOMAIN_CHARS = 220
/** The same with the label of a secret host name, of 62 characters. */
const MAX_AGENT_DOMAIN_CHARS = 190
const DOMAIN = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?)*$/

/** Who is on this machine (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
const LOOPBACK_NETWORKS = '127.0.0.0/8,::1'

const cache = new WeakMap<object, Settings>()

/** The settings of this isolate. */
export function settingsOf(env: Env): Settings {
  const known = cache.get(env)
  if (known !== undefined) return known
  const settings = readSettings(env)
  cache.set(env, settings)
  return settings
}

type Variables = Pick<
  Env,
  | 'OWNER_KEY'
  | 'SIGNING_KEY'
  | 'ALLOWED_ORIGINS'
  | 'ALLOWED_HOSTS'
  | 'PUBLIC_URL'
  | 'SHARE_DOMAIN'
  | 'AGENT_HOSTS'
  | 'ADDRESS_HEADER'
  | 'TRUSTED_PROXIES'
  | 'LOOPBACK'
  | 'POLL_AFTER_SECONDS'
  | 'AWAY_WAIT_SECONDS'
  | 'INPUT_WAIT_SECONDS'
>

/** Reads the variables; total, so that a wrong one can be reported to its deployer instead of failing every request. */
export function readSettings(variables: Variables): Settings {
  const faults: string[] = []
  const secret = (name: 'OWNER_KEY' | 'SIGNING_KEY', minChars: number): string | undefined => {
    const text = variables[name]
    if (text === undefined || text === '') return undefined
    if (text.length >= minChars) return text
    faults.push(`${name} is shorter than ${minChars} characters. Set a random one (openssl rand -base64 32).`)
    return undefined
  }
  const ownerKey = secret('OWNER_KEY', MIN_OWNER_KEY_CHARS)
  const signingKey = secret('SIGNING_KEY', MIN_SIGNING_KEY_CHARS)
  const publicOrigin = readOrigin(variables.PUBLIC_URL)
  if (publicOrigin === undefined && variables.PUBLIC_URL !== undefined && variables.PUBLIC_URL !== '') {
    faults.push('PUBLIC_URL is not an http or https origin. Set it like https://mcp.example.com, without a path.')
  }
  const shareDomain = readDomain(variables.SHARE_DOMAIN)
  if (shareDomain === undefined && (variables.SHARE_DOMAIN ?? '') !== '')
    faults.push('SHARE_DOMAIN is not a domain name. Set it like share.example.com, without scheme, port and star.')
  const hasAgentHosts = readSwitch(variables.AGENT_HOSTS)
  if (hasAgentHosts === undefined) faults.push('AGENT_HOSTS is neither true nor false. Set it to true, or leave it out.')
  if (hasAgentHosts === true && (shareDomain ?? '').length > MAX_AGENT_DOMAIN_CHARS)
    faults.push('SHARE_DOMAIN is too long for AGENT_HOSTS. Take a domain of at most 190 characters.')
  const addressHeader = readHeaderName(variables.ADDRESS_HEADER)
  if (addressHeader === undefined && (variables.ADDRESS_HEADER ?? '') !== '')
    faults.push('ADDRESS_HEADER is not the name of a header. Set it like X-Forwarded-For.')
  const trustedProxies = readNetworks(variables.TRUSTED_PROXIES)
  if (trustedProxies === undefined)
    faults.push('TRUSTED_PROXIES has an entry that is neither an address nor a network. Set it like 10.0.0.7,10.1.0.0/16.')
  if ((variables.TRUSTED_PROXIES ?? '') !== '' && (variables.ADDRESS_HEADER ?? '') === '')
    faults.push('TRUSTED_PROXIES is set without ADDRESS_HEADER. Name the header that these proxies write.')
  const loopback = (variables.LOOPBACK ?? '') !== ''
  const pollAfterMs = readSeconds(variables.POLL_AFTER_SECONDS, QUIET_STREAM_MS, POLL_SECONDS)
  if (pollAfterMs === undefined) faults.push('POLL_AFTER_SECONDS is not a number of seconds from 1 to 86400. Set it like 240.')
  const awayWaitMs = readSeconds(variables.AWAY_WAIT_SECONDS, AWAY_WAIT_MS, AWAY_SECONDS)
  if (awayWaitMs === undefined) faults.push('AWAY_WAIT_SECONDS is not a number of seconds from 0 to 600. Set it like 20.')
  const inputWaitMs = readSeconds(variables.INPUT_WAIT_SECONDS, INPUT_WAIT_MS, INPUT_SECONDS)
  if (inputWaitMs === undefined) faults.push('INPUT_WAIT_SECONDS is not a number of seconds from 1 to 3600. Set it like 600.')
  return {
    ownerKey,
    signingKey,
    allowedOrigins: readList(variables.ALLOWED_ORIGINS),
    allowedHosts: readList(variables.ALLOWED_HOSTS),
    publicOrigin,
    pollAfterMs: pollAfterMs ?? QUIET_STREAM_MS,
    awayWaitMs: awayWaitMs ?? AWAY_WAIT_MS,
    inputWaitMs: inputWaitMs ?? INPUT_WAIT_MS,
    addressHeader,
    trustedProxies: trustedProxies ?? [],
    loopback,
    shareDomain: shareDomain ?? (loopback ? LOOPBACK_DOMAIN : undefined),
    hasAgentHosts: hasAgentHosts === true,
    hasPathSignIn: shareDomain === undefined,
    faults,
  }
}

/** The origin under which clients reach the relay, for the URLs and tokens that are handed out. */
export function relayOrigin(request: Pick<Request, 'url'>, settings: Settings): string {
  return settings.publicOrigin ?? new URL(request.url).origin
}

function readOrigin(text: string | undefined): string | undefined {
  if (text === undefined || !URL.canParse(text)) return undefined
  const url = new URL(text)
  const isOrigin = (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && url.search === '' && url.hash === ''
  return isOrigin ? url.origin : undefined
}

/** A header's name in lower case (RFC 9110 §5.1); undefined for anything else. */
function readHeaderName(text: string | undefined): string | undefined {
  const name = text?.trim().toLowerCase()
  return name !== undefined && /^[\w!#$%&'*+.^`|~-]{1,100}$/.test(name) ? name : undefined
}

/** The networks in a list; those of this machine without one, undefined when an entry is none. */
function readNetworks(text: string | undefined): readonly Network[] | undefined {
  const entries = [...readList(text === undefined || text === '' ? LOOPBACK_NETWORKS : text)].map(readNetwork)
  const known = entries.filter((network) => network !== undefined)
  return known.length === entries.length ? known : undefined
}

/** A domain name in lower case, of at most 253 characters with a share's label before it; undefined for anything else. */
function readDomain(text: string | undefined): string | undefined {
  const domain = text?.trim().toLowerCase()
  return domain !== undefined && domain.length <= MAX_DOMAIN_CHARS && DOMAIN.test(domain) ? domain : undefined
}

/** Undefined for a text that is neither yes nor no. */
function readSwitch(text: string | undefined): boolean | undefined {
  const word = (text ?? '').trim().toLowerCase()
  if (['', 'false', '0'].includes(word)) return false
  return ['true', '1'].includes(word) ? true : undefined
}

/** Milliseconds; undefined for a text that is no number of seconds within the bounds. */
function readSeconds(text: string | undefined, defaultMs: number, { min, max }: { min: number; max: number }): number | undefined {
  if (text === undefined || text === '') return defaultMs
  const seconds = text.trim() === '' ? Number.NaN : Number(text)
  return seconds >= min && seconds <= max ? seconds * 1000 : undefined
}

function readList(text: string | undefined): ReadonlySet<string> {
  const entries = (text ?? '').split(',').map((entry) => entry.trim().toLowerCase().replace(/\/$/, ''))
  return new Set(entries.filter((entry) => entry !== ''))
}
