/** A Share that does what a test says: RPC outcomes and stream sockets, behind the ShareClient that the Worker uses. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import { encodeFrame } from '../../../protocol/frame-codec.ts'
import { ShareClient } from '../../../worker/carry/share-client.ts'
import type { LinkHolder } from '../../../worker/access/authenticate.ts'
import { isVerdict, readPass, VERDICT_STATUS } from '../../../worker/contract/trust/pass.ts'
import type { Pass } from '../../../worker/contract/trust/trust-rpc.ts'
import type { ShareObject } from '../../../worker/contract/objects.ts'
import type { StreamControl } from '../../../worker/contract/streams.ts'
import type { Env } from '../../../worker/env.ts'

type Rpc = Exclude<keyof ShareObject, 'fetch' | 'admin' | '__DURABLE_OBJECT_BRAND'>

const RPCS: readonly Rpc[] = [
  'admit',
  'call',
  'send',
  'chunk',
  'end',
  'noteListing',
  'park',
  'parked',
  'keepCall',
  'keptCall',
  'subscribe',
  'noteApproval',
  'passing',
]

/** The Worker's end of a stream; the test is the other. */
export class ScriptedSocket extends EventTarget {
  binaryType = ''
  isAccepted = false
  /** What the Worker has sent. */
  readonly sent: unknown[] = []
  /** The code with which the Worker has closed it. */
  closedWith: number | undefined

  accept(): void {
    this.isAccepted = true
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }

  close(code: number): void {
    this.closedWith = code
  }

  /** The Share sends a control. */
  tell(control: StreamControl): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(control) }))
  }

  /** The Share passes a frame on. */
  pass(header: AgentFrame, body = ''): void {
    this.passBytes(encodeFrame(header, new TextEncoder().encode(body)))
  }

  passBytes(bytes: Uint8Array<ArrayBuffer>): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data: bytes.buffer }))
  }

  /** The Share closes it, or is reset. */
  end(code: number): void {
    this.dispatchEvent(Object.assign(new Event('close'), { code }))
  }
}

export class ScriptedShare {
  readonly client: ShareClient
  /** The pass that was shown with each RPC, and with each stream that was asked for. */
  readonly passes: Pass[] = []
  /** Arguments behind it of each RPC that was made, oldest first. */
  readonly asked = Object.fromEntries(RPCS.map((rpc) => [rpc, []])) as unknown as Record<Rpc, unknown[][]>
  /** Queries of the streams that were asked for, and the sockets that were given. */
  readonly opened: Record<string, string>[] = []
  readonly sockets: ScriptedSocket[] = []
  /** Stubs that were made: one, and another after each reset. */
  stubs = 0
  readonly #outcomes = new Map<string, unknown[]>()

  /** `variables`: of the deployer. `name`: of the share, by which an isolate knows it. */
  constructor(variables: Partial<Env> = {}, name = 'share', holder: Partial<Pick<LinkHolder, 'chain' | 'isInUrl'>> = {}) {
    const env: object = { ...variables, SHARE: { getByName: () => this.#stub() } }
    this.client = new ShareClient(
      env as Env,
      { share: name, index: 0, jurisdiction: 'none' },
      { chain: ['link'], isInUrl: false, ...holder },
    )
  }

  /** What the next calls of an RPC come to, in order: a value, a promise, or an error that is thrown. */
  on(rpc: Rpc | 'open', ...outcomes: readonly unknown[]): this {
    this.#outcomes.set(rpc, [...(this.#outcomes.get(rpc) ?? []), ...outcomes])
    return this
  }

  /** The stream that was opened last. */
  get socket(): ScriptedSocket {
    const last = this.sockets.at(-1)
    if (last === undefined) throw new Error('no stream was opened')
    return last
  }

  #stub(): object {
    this.stubs++
    const rpcs = RPCS.map((rpc) => [
      rpc,
      (...args: unknown[]) => {
        const [pass, ...rest] = args
        this.passes.push(pass as Pass)
        this.asked[rpc].push(rest)
        return this.#take(rpc)
      },
    ])
    return { ...Object.fromEntries(rpcs), fetch: (url: string) => this.#open(new URL(url).searchParams) }
  }

  /** `null` in place of a socket: the Share has no such stream. */
  async #open(query: URLSearchParams): Promise<object> {
    this.passes.push(readPass(query) ?? { chain: [''] })
    query.delete('chain')
    query.delete('state')
    this.opened.push(Object.fromEntries(query))
    const scripted = await this.#take('open')
    if (scripted === null) return { webSocket: null }
    if (isVerdict(scripted)) return Response.json(scripted, { status: VERDICT_STATUS })
    const socket = new ScriptedSocket()
    this.sockets.push(socket)
    return { webSocket: socket }
  }

  async #take(name: string): Promise<unknown> {
    const left = this.#outcomes.get(name) ?? []
    // A call of which nothing was said waits.
    if (left.length === 0 && name === 'call') return new Promise(() => undefined)
    const outcome = left.shift()
    if (outcome instanceof Error) throw outcome
    return outcome
  }
}

/** What RPC throws when its object was reset. */
export function resetError(): Error {
  return Object.assign(new Error('reset'), { durableObjectReset: true })
}
