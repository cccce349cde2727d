/** How a pass goes with all that a Worker asks of a Share, and how what a refusal has cut off tells which one it was. No I/O. */
import type { Pass, PassRefusal, PassVerdict } from './trust-rpc.ts'

/** What an RPC comes to that a pass must be shown for. */
export type Gated<Outcome> = Outcome | PassVerdict

/** The HTTP status of a Share's answer to an upgrade whose body is a `PassVerdict`: no client sees it. */
export const VERDICT_STATUS = 409

/** `Pass.state` where nothing is restricted. A pass without a state is then let in too: there is nothing to judge a request by. */
export const UNRESTRICTED = 'unrestricted'

/** What the bearer of something is told that is no token of this relay's, and that no server here takes. */
export const FOREIGN_TOKEN = 'This token was not made by this relay.'

/** Close codes of stream sockets that a refusal has cut off; beside those of STREAM_CLOSE. */
export const CUT_CLOSE: { readonly [Code in PassRefusal]: number } = {
  SHARE_EXPIRED: 4120,
  SHARE_PAUSED: 4121,
  LINK_REVOKED: 4122,
  LINK_EXPIRED: 4123,
}

const REFUSALS: ReadonlyMap<number, PassRefusal> = new Map(Object.entries(CUT_CLOSE).map(([code, close]) => [close, code as PassRefusal]))

/** The refusal that a close code tells of; undefined for any other close. */
export function refusalOf(close: number): PassRefusal | undefined {
  return REFUSALS.get(close)
}

/** The link that a pass was made for: the last of its chain. */
export function leafOf({ chain }: Pick<Pass, 'chain'>): string {
  return chain.at(-1) ?? chain[0]
}

/** What becomes of a call that was let in, and is under way when that ends. */
export interface CutCall {
  readonly kind: 'cut'
  readonly code: PassRefusal
}

/** Whether it is about the pass, and not what was asked for. */
export function isVerdict(told: unknown): told is PassVerdict | CutCall {
  if (typeof told !== 'object' || told === null || !('kind' in told)) return false
  return told.kind === 'refused' || told.kind === 'stale_grant' || told.kind === 'cut' || told.kind === 'limited'
}

/** A pass in the query of an upgrade. */
export function passQuery({ chain, names, ends, address, state }: Pass): Readonly<Record<string, string>> {
  return {
    chain: chain.join(),
    ...(names === undefined ? {} : { names: JSON.stringify(names) }),
    ...(ends === undefined ? {} : { ends: ends.join() }),
    ...(address === undefined ? {} : { address }),
    ...(state === undefined ? {} : { state }),
  }
}

/** The pass in a query; undefined when it holds none. */
export function readPass(query: URLSearchParams): Pass | undefined {
  const [root = '', ...rest] = query.get('chain')?.split(',') ?? []
  const state = query.get('state')
  if (root === '') return undefined
  const [names, ends, address] = [query.get('names'), query.get('ends'), query.get('address')]
  return {
    chain: [root, ...rest],
    ...(names === null ? {} : { names: JSON.parse(names) as string[] }),
    ...(ends === null ? {} : { ends: ends.split(',').map(Number) }),
    ...(address === null ? {} : { address }),
    ...(state === null ? {} : { state }),
  }
}
