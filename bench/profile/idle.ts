/** The floor of an idle GET stream: what workerd takes for one when its Worker does next to nothing, and ours beside it. */
import { join } from 'node:path'
import { ROOT } from '../../test/harness/program.ts'
import { HttpClient } from '../cases/http-client.ts'
import { pssBytes } from '../process-tree.ts'
import { openSessions } from '../cases/session.ts'
import { Inspector } from './inspector.ts'
import { ProfiledRelay } from './relay.ts'

export interface IdleRung {
  readonly title: string
  /** Memory of workerd for each stream (PSS). */
  readonly bytes: number
  /** The same in a second run, of which garbage was collected before and after; and what of it is on V8's heap. */
  readonly collectedBytes: number
  readonly heapBytes: number
}

/** Opens so many streams; returns what closes them. */
type Open = (count: number) => Promise<() => Promise<void>>

interface Candidate {
  readonly title: string
  readonly entryFile: string
  readonly prepare: (relay: ProfiledRelay) => Promise<Open>
}

const WARM_UP = 100
const AT_ONCE = 8
const LOOK_MS = 100

/** Opens so many streams of each kind, in a relay of its own. */
export async function measureIdle(count: number): Promise<readonly IdleRung[]> {
  const rungs: IdleRung[] = []
  for (const candidate of CANDIDATES) {
    const plain = await measure(candidate, count, false)
    const looked = await measure(candidate, count, true)
    rungs.push({ title: candidate.title, bytes: plain.bytes, collectedBytes: looked.bytes, heapBytes: looked.heapBytes })
  }
  return rungs
}

async function measure({ entryFile, prepare }: Candidate, count: number, inspect: boolean): Promise<Pick<IdleRung, 'bytes' | 'heapBytes'>> {
  await using relay = await ProfiledRelay.start(entryFile, { inspect })
  const open = await prepare(relay)
  await (
    await open(WARM_UP)
  )()
  await using inspector = inspect ? await Inspector.connect(relay.inspectorPort) : undefined
  const heapBytes = async (): Promise<number> => (inspector === undefined ? 0 : await wakefully(relay, inspector.heapBytes()))
  const heapBefore = await heapBytes()
  const before = pssBytes(relay.workerd.pid)
  const close = await open(count)
  const heap = (await heapBytes()) - heapBefore
  const bytes = pssBytes(relay.workerd.pid) - before
  await close()
  return { bytes: bytes / count, heapBytes: heap / count }
}

/** workerd answers its inspector only when the Worker has something to do. */
async function wakefully<T>(relay: ProfiledRelay, answer: Promise<T>): Promise<T> {
  const timer = setInterval(() => void fetch(`${relay.origin}/healthz`).then((response) => response.body?.cancel()), LOOK_MS)
  try {
    return await answer
  } finally {
    clearInterval(timer)
  }
}

function bare(path: string): Candidate['prepare'] {
  return async (relay) => async (count) => {
    const client = new HttpClient({ port: relay.port, path })
    const streams: { readonly close: () => void }[] = []
    const openOne = () => client.open({ accept: 'text/event-stream' }, () => {})
    while (streams.length < count)
      streams.push(...(await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - streams.length) }, openOne))))
    return async () => {
      for (const stream of streams) stream.close()
      client[Symbol.dispose]()
    }
  }
}

const CANDIDATES: readonly Candidate[] = [
  { title: 'bare: event stream', entryFile: join(import.meta.dirname, 'worker/idle.ts'), prepare: bare('/events') },
  { title: 'bare: … over a socket of an object', entryFile: join(import.meta.dirname, 'worker/idle.ts'), prepare: bare('/socket') },
  {
    title: 'ours, with its session and that handshake',
    entryFile: join(ROOT, 'worker/index.ts'),
    prepare: async (relay) => {
      const share = await relay.createShare()
      await relay.startAgent(share, [], [], { isolation: 'share' })
      return async (count) => {
        const { client, sessions } = await openSessions({ port: relay.port, path: share.path }, count, { stream: 'needed' })
        return async () => {
          await Promise.all(sessions.map((session) => session.end()))
          client[Symbol.dispose]()
        }
      }
    },
  },
]
