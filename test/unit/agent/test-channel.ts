/** A channel over a child that the test plays itself, and a relay that is a list of frames. */
import { CallLog } from '../../../agent/channel/calls/call-log.ts'
import { CallMemory } from '../../../agent/channel/calls/call-memory.ts'
import { Channel, type ChannelFrame } from '../../../agent/channel/channel.ts'
import { createLog } from '../../../agent/log.ts'
import { Mask } from '../../../agent/mask.ts'
import type { AgentFrame, Open } from '../../../protocol/frame.ts'
import { FakeChild } from './fake-child.ts'
import { keyOf, spanAfter } from './scripted-relay.ts'

export interface Sent {
  readonly frame: AgentFrame
  readonly text: string
}

export class TestChannel {
  readonly memory: CallMemory
  readonly sent: Sent[] = []
  readonly logged: string[] = []
  readonly channel: Channel
  readonly child: FakeChild
  readonly link = {
    writable: true,
    send: (frame: AgentFrame, body = new Uint8Array(0)): void => void this.sent.push({ frame, text: Buffer.from(body).toString('utf8') }),
  }
  nowMs = 0

  constructor(open: Partial<Open> = {}, memory = new CallMemory(), tellsStderr = false, tellsPrincipal = false) {
    this.memory = memory
    let child: FakeChild | undefined
    const now = (): number => this.nowMs
    const log = createLog({
      level: 'debug',
      json: true,
      mask: new Mask([]),
      write: (line) => this.logged.push(line),
      now: () => new Date(0),
    })
    this.channel = new Channel(
      { type: 'open', ch: 'c', ids: 'keep', asks: 'pass', ...open },
      {
        memory,
        log,
        callLog: new CallLog(log, now),
        now,
        startChild: (handlers) => {
          child = new FakeChild(handlers)
          return child
        },
        tellsStderr,
        tellsPrincipal,
        link: this.link,
        changed: () => {},
      },
    )
    if (child === undefined) throw new Error('the channel started no child')
    this.child = child
  }

  relay(frame: ChannelFrame, body: string | Uint8Array = ''): void {
    this.channel.receive(frame, Buffer.from(body))
  }

  /** A whole call; `id` and `token` are JSON texts. */
  call(
    label: number,
    id = String(label),
    extra: {
      gate?: true
      repeats?: true
      mayBeginTask?: true
      token?: string
      ra?: string
      method?: string
      key?: string
      principal?: string
      auth?: string
    } = {},
  ): string {
    const { gate, repeats, mayBeginTask, principal, auth, token, ra = `ra${label}`, method = 'm', key = keyOf(label) } = extra
    const body = Buffer.from(
      `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":{${token === undefined ? '' : `"_meta":{"progressToken":${token}}`}}}`,
    )
    const spans = { id: spanAfter(body, '"id":'), ...(token !== undefined && { token: spanAfter(body, '"progressToken":') }) }
    this.relay(
      {
        type: 'call',
        ch: 'c',
        key,
        method,
        tag: `t${label}`,
        ra,
        size: body.length,
        ...spans,
        ...(gate && { gate }),
        ...(repeats && { repeats }),
        ...(mayBeginTask && { mayBeginTask }),
        ...(principal !== undefined && { principal }),
        ...(auth !== undefined && { auth }),
      },
      body,
    )
    return key
  }

  notify(label: number, message: object, extra: { cancels?: string } = {}): string {
    const key = keyOf(label)
    const body = Buffer.from(JSON.stringify({ jsonrpc: '2.0', ...message }))
    const requestId = extra.cancels === undefined ? {} : { requestId: spanAfter(body, '"requestId":') }
    this.relay({ type: 'notify', ch: 'c', key, method: 'n', size: body.length, ...extra, ...requestId }, body)
    return key
  }

  cancel(label: number, cancelled: number, id = String(cancelled)): string {
    const body = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`
    const key = keyOf(label)
    this.relay(
      {
        type: 'notify',
        ch: 'c',
        key,
        method: 'notifications/cancelled',
        cancels: `t${cancelled}`,
        requestId: spanAfter(Buffer.from(body), '"requestId":'),
        size: body.length,
      },
      body,
    )
    return key
  }

  of<T extends AgentFrame['type']>(type: T): Extract<AgentFrame, { type: T }>[] {
    return this.sent.flatMap(({ frame }) => (frame.type === type ? [frame as Extract<AgentFrame, { type: T }>] : []))
  }
}
