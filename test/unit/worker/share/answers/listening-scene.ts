/**
 * Clients that listen to one child: their GET streams as the Share has them, and the outbox of the child's agent. What is on its way between
 * the three is taken one by one, whenever a test says so. No I/O, and no clock but its own.
 */
import { Outbox } from '../../../../../agent/channel/outbox.ts'
import type { RelayFrame } from '../../../../../protocol/frame.ts'
import { decodeAgentFrame, decodeRelayFrame, encodeFrame } from '../../../../../protocol/frame-codec.ts'
import { TAIL_MS } from '../../../../../protocol/limits.ts'
import { channelName, SHARED_GROUP } from '../../../../../worker/contract/groups.ts'
import { markQuery, STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import { encodeReturnAddress } from '../../../../../worker/contract/return-address.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'
import { KEEPALIVE_MS, UNTAKEN_MS } from '../../../../../worker/limits.ts'
import { Delivery } from '../../../../../worker/share/answers/delivery.ts'
import { ResumedStreams } from '../../../../../worker/share/calls/resumed-streams.ts'
import { StreamSockets } from '../../../../../worker/share/calls/stream-sockets.ts'
import { Streams } from '../../../../../worker/share/clients/streams.ts'
import { UntakenMessages } from '../../../../../worker/share/clients/untaken-messages.ts'
import { ListeningStream } from './listening-stream.ts'

const BEGIN_MS = 1_000_000

/** A client: its stream, the last event that it has seen, and all. */
interface Client {
  stream: ListeningStream | undefined
  lastSeen: number | undefined
  readonly seen: Set<number>
}

export class ListeningScene {
  readonly #sessions: readonly string[]
  readonly #ch: string
  readonly #group: string
  readonly #clients = new Map<string, Client>()
  #streams: readonly ListeningStream[] = []
  readonly #box: Outbox
  readonly #link: AgentLink
  #isLinked = true
  /** The agent knows of its new link. */
  #isWelcome = true
  #isWritable = true
  #toAgent: Uint8Array[] = []
  #toShare: Uint8Array[] = []
  readonly #share: {
    readonly delivery: Delivery
    readonly sockets: StreamSockets
    readonly resumed: ResumedStreams
    readonly streams: Streams
  }
  nowMs = BEGIN_MS
  /** Who must see which message: whoever listened when it came to the Share first. */
  readonly #due = new Set<string>()
  readonly #arrived = new Set<number>()

  /** One session has a child of its own; several share one. */
  constructor(sessions: readonly string[]) {
    this.#sessions = sessions
    const [own = ''] = sessions
    this.#group = sessions.length === 1 ? own : SHARED_GROUP
    this.#ch = channelName(this.#group, 1)
    this.#box = new Outbox(this.#ch, () => {}, sessions.length > 1)
    const socket = { send: (frame: Uint8Array) => void (this.#isLinked && this.#toAgent.push(frame)) }
    this.#link = { name: 'a', sessionEra: 'legacy', socket } as unknown as AgentLink
    this.#share = this.#wired()
    for (const session of sessions) this.#clients.set(session, { stream: undefined, lastSeen: undefined, seen: new Set() })
  }

  /** The child says something; `isUnclear`: it is perhaps of a call that is over. */
  says(isUnclear: boolean): void {
    const isShared = this.#sessions.length > 1
    const method = isShared ? 'notifications/tools/list_changed' : 'notifications/message'
    const ra = encodeReturnAddress({ to: 'call', key: 'c'.repeat(32), session: this.#group })
    const ofCall = isUnclear && !isShared ? { ra } : {}
    this.#box.add({ type: 'notification', method, ...ofCall }, new Uint8Array(1), this.nowMs)
    this.#flush()
  }

  leaves(session: string): void {
    const client = this.#client(session)
    client.stream?.leave()
    client.stream = undefined
  }

  /** A client opens a stream, also while it has one. `isMarked`: it names the last event that it has seen. */
  comes(session: string, isMarked: boolean): void {
    this.leaves(session)
    const client = this.#client(session)
    const stream = new ListeningStream(session)
    client.stream = stream
    const child = this.#sessions.length > 1 ? 'shared' : 'own'
    const mark = isMarked && client.lastSeen !== undefined ? ({ child, generation: 1, n: client.lastSeen } as const) : undefined
    const query = new URLSearchParams({ kind: 'listen', session, principal: 'p', ...markQuery(mark) })
    this.#share.sockets.open(stream.socket, query, 'link')
  }

  isListening(session: string): boolean {
    return this.#client(session).stream !== undefined
  }

  /** The Share learns that the client of a stream has gone; false where none has. */
  notices(): boolean {
    const gone = this.#streams.find(({ readyState, hasClient }) => readyState === WebSocket.OPEN && !hasClient)
    if (gone === undefined) return false
    gone.readyState = WebSocket.CLOSED
    this.#streams = this.#streams.filter((stream) => stream !== gone)
    this.#share.sockets.closed(gone.socket, STREAM_CLOSE.LEFT)
    return true
  }

  /** Time passes, but no more of it than for which an agent keeps what was said. */
  passes(ms: number): void {
    if (this.nowMs + ms <= BEGIN_MS + TAIL_MS) this.nowMs += ms
  }

  /** So much of it that what was on its way has come, who is gone was noticed, and who is there has taken what it was told. */
  passesLong(): void {
    this.setWritable(true)
    while (this.agentTakes() || this.shareTakes() || this.notices() || this.#sessions.some((session) => this.takes(session)));
    this.passes(KEEPALIVE_MS + UNTAKEN_MS)
  }

  /** Whether the agent's socket takes anything at the moment. */
  setWritable(isWritable: boolean): void {
    this.#isWritable = isWritable
    this.#flush()
  }

  /** The link breaks, and what is on it is lost. */
  cut(): void {
    if (this.#isLinked) this.#share.resumed.cutOff(this.#link)
    ;[this.#isLinked, this.#isWelcome, this.#toAgent, this.#toShare] = [false, false, [], []]
  }

  /** The agent is back. */
  linked(): void {
    if (this.#isLinked) return
    this.#isLinked = true
    this.#tell({ type: 'welcome', share: 's', unwanted: [] } as unknown as RelayFrame)
    this.#share.resumed.returned(this.#link)
  }

  /** The Share takes one frame; false where none is on its way. */
  shareTakes(): boolean {
    const frame = this.#toShare.shift()
    const decoded = frame === undefined ? undefined : decodeAgentFrame(frame)
    if (frame === undefined || decoded?.ok !== true) return false
    const { header, body } = decoded.value
    if (header.type !== 'notification') throw new Error(`${header.type} came`)
    this.#arrives(header.n)
    this.#share.delivery.message(this.#link, header, frame, body)
    return true
  }

  agentTakes(): boolean {
    const frame = this.#toAgent.shift()
    const decoded = frame === undefined ? undefined : decodeRelayFrame(frame)
    if (decoded?.ok !== true) return false
    const { header } = decoded.value
    if (header.type === 'receipt') this.#box.receipt(header.n)
    else if (header.type === 'hold') this.#box.hold(header.n)
    else if (header.type === 'resume') this.#box.resume()
    else if (header.type === 'replay' && header.to !== undefined) this.#box.replayFor(header.to, header)
    else if (header.type === 'welcome') this.#restart()
    else throw new Error(`${header.type} came`)
    this.#flush()
    return true
  }

  /** A client takes one event of its stream. */
  takes(session: string): boolean {
    const client = this.#client(session)
    const n = client.stream?.onItsWay.shift()
    if (n === undefined || client.stream === undefined) return false
    if (client.stream.passed.has(n)) return true
    client.stream.passed.add(n)
    client.seen.add(n)
    client.lastSeen = n
    return true
  }

  /** All are there again, and take what comes, until nothing more does. */
  settle(isMarked: boolean): void {
    this.linked()
    this.setWritable(true)
    for (const session of this.#sessions) if (!this.isListening(session)) this.comes(session, isMarked)
    this.says(false)
    const takeOne = (): boolean => this.agentTakes() || this.shareTakes() || this.#sessions.some((session) => this.takes(session))
    for (let steps = 0; takeOne(); steps++) if (steps > 100_000) throw new Error('it does not come to rest')
  }

  /** What somebody should have seen, and has not: session and number. */
  get missed(): readonly string[] {
    return [...this.#due].filter((due) => {
      const [session = '', n] = due.split(' ')
      return !this.#client(session).seen.has(Number(n))
    })
  }

  #client(session: string): Client {
    const client = this.#clients.get(session)
    if (client === undefined) throw new Error(`no client ${session}`)
    return client
  }

  /** What nobody listens for is held, and due to whoever comes then. */
  #arrives(n: number): void {
    const listening = this.#sessions.filter((session) => this.#share.streams.listener(session) !== undefined)
    if (this.#arrived.has(n) || listening.length === 0) return
    this.#arrived.add(n)
    for (const session of listening) this.#due.add(`${session} ${n}`)
  }

  #restart(): void {
    this.#isWelcome = true
    this.#box.restart()
  }

  #flush(): void {
    while (this.#isWritable && this.#isLinked && this.#isWelcome) {
      const next = this.#box.next()
      if (next === undefined) return
      this.#toShare.push(encodeFrame(next.header, next.body))
    }
  }

  #tell(header: RelayFrame): void {
    this.#toAgent.push(encodeFrame(header))
  }

  #passOn(sockets: readonly WebSocket[], frame: Uint8Array): void {
    const decoded = decodeAgentFrame(frame)
    const n = decoded.ok && 'n' in decoded.value.header ? decoded.value.header.n : 0
    for (const stream of this.#streams) if (sockets.includes(stream.socket)) stream.write(n)
  }

  #wired() {
    const ctx = {
      getWebSockets: (tag?: string) => this.#streams.filter(({ tags }) => tag === undefined || tags.includes(tag)),
      acceptWebSocket: (socket: WebSocket, tags: readonly string[]) => {
        const stream = socket as unknown as ListeningStream
        stream.tags = tags
        this.#streams = [...this.#streams, stream]
      },
    }
    const streams = new Streams(ctx as unknown as DurableObjectState)
    const untaken = new UntakenMessages(streams)
    const session = (id: string): object => ({ id, principal: 'p', transport: 'http' })
    const none = (): undefined => undefined
    const parts = {
      streams,
      untaken,
      store: {
        settings: {},
        sessions: {
          get: (id: string) => (this.#sessions.includes(id) ? session(id) : undefined),
          hasSeveral: () => this.#sessions.length > 1,
        },
        untoldTasks: { take: none },
      },
      sessions: { of: ({ session: id }: { session: string }) => session(id) },
      channels: {
        groupFor: () => this.#group,
        current: () => (this.#isLinked ? { ch: this.#ch, link: this.#link } : undefined),
        isCurrent: () => this.#isLinked,
      },
      waiters: { get: none },
      servedSets: { hasAny: false },
      restartNews: { streamOpened: none, streamEnded: none },
      idleChildren: { streamClosed: none },
      clientFrames: { toSockets: (sockets: readonly WebSocket[], _: string, frame: Uint8Array) => this.#passOn(sockets, frame) },
      creditGrants: {
        taken: none,
        acknowledge: (_: AgentLink, { ch, n, ack }: { ch: string; n: number; ack?: true }) => ack && this.#tell({ type: 'receipt', ch, n }),
      },
    }
    const resumed = new ResumedStreams(parts as unknown as ConstructorParameters<typeof ResumedStreams>[0])
    const sockets = new StreamSockets({ ...parts, resumedStreams: resumed } as unknown as ConstructorParameters<typeof StreamSockets>[0])
    const delivery = new Delivery({
      ...parts,
      askAgain: (socket: WebSocket) => resumed.askAgain(socket),
    } as unknown as ConstructorParameters<typeof Delivery>[0])
    return { delivery, sockets, resumed, streams }
  }
}
