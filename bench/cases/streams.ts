/** Cases of open GET streams: what a thousand of them cost, and how soon a notification is at the last. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Case, prepared, type Subject } from './case.ts'
import { census } from '../contenders/contender.ts'
import type { Figures } from '../report/figures.ts'
import { isAgent, isRelay } from '../contenders/ours.ts'
import { pssBytes, rssBytes, sum } from '../process-tree.ts'
import { OPEN_BOUND_MS, openSessions, type Session } from './session.ts'

const SHARED_CHILD = ['ours-share', 'mcp-proxy', 'mcp-proxy+pipenet']
const COUNT = 1000
/** Sessions that come and go before memory is first looked at, so that heaps have grown to what the work takes. */
const WARM_UP_SESSIONS = 100
/** The platform puts an idle object to sleep after 10 s. */
const SLEEP_MS = 12_000
const NEEDED = { stream: 'needed', boundMs: OPEN_BOUND_MS } as const
const SLOW = ['mcp-proxy+pipenet']
const DELIVERY_MS = 20_000
const KIB = 1024

/** Counts the streams that have had the notification since it was last asked to. */
class Deliveries {
  #seen = new Set<object>()

  /** A receiver of the parts of one stream; the notification is short, and comes in one part. */
  receiver(): (part: Buffer) => void {
    const stream = {}
    return (part) => {
      if (part.includes('list_changed')) this.#seen.add(stream)
    }
  }

  get count(): number {
    return this.#seen.size
  }

  reset(): void {
    this.#seen = new Set()
  }
}

/** Milliseconds from asking for a notification until all streams have it. */
async function tellAll(teller: Session, deliveries: Deliveries): Promise<number> {
  deliveries.reset()
  const startMs = performance.now()
  await teller.call('notify', '{"times":1}', '"text":"told"', 0, DELIVERY_MS)
  while (deliveries.count < COUNT) {
    if (performance.now() - startMs > DELIVERY_MS)
      throw new Error(`${deliveries.count} of ${COUNT} streams had it after ${DELIVERY_MS / 1000} s`)
    await delay(1)
  }
  return performance.now() - startMs
}

async function listeners({ running }: Subject) {
  const deliveries = new Deliveries()
  const { client, sessions } = await openSessions(running.endpoint, COUNT, { ...NEEDED, receiver: () => deliveries.receiver() })
  const [teller] = sessions
  if (teller === undefined) throw new Error('no session')
  return { client, teller, deliveries }
}

const FAN_OUT: Case = {
  name: 'fan-out',
  title: 'One list_changed notification of a shared server to 1,000 sessions: until the last has it',
  columns: [{ figure: 'lastMs', heading: 'ms', digits: 0 }],
  contenders: SHARED_CHILD,
  notQuick: SLOW,
  processes: 'alone',
  prepare: async (subject) => {
    const { client, teller, deliveries } = await listeners(subject)
    await tellAll(teller, deliveries)
    return prepared(
      async () => ({ lastMs: await tellAll(teller, deliveries) }),
      () => client[Symbol.dispose](),
    )
  },
}

/** Memory of what is ours, and of relay and agent where they are told apart. */
function memory({ name, running, childFile }: Subject): Figures {
  const { own } = census(running, childFile)
  const kib = (part: string, pids: readonly number[]): Figures => ({
    [`${part}KiB`]: sum(pids.map(pssBytes)) / KIB,
    [`${part}RssKiB`]: sum(pids.map(rssBytes)) / KIB,
  })
  const parts = name.startsWith('ours') ? { ...kib('relay', own.filter(isRelay)), ...kib('agent', own.filter(isAgent)) } : {}
  return { ...kib('own', own), ...parts }
}

function perSession(before: Figures, after: Figures, suffix: string): Figures {
  return Object.fromEntries(Object.entries(after).map(([part, kib]) => [`${part}${suffix}`, (kib - (before[part] ?? 0)) / COUNT]))
}

const IDLE_STREAMS: Case = {
  name: 'idle-streams',
  title: '1,000 sessions on one server process, each with its GET stream open and idle: memory for each (PSS), and whether all still hear',
  columns: [
    { figure: 'relayKiBOpen', heading: 'relay KiB', digits: 1 },
    { figure: 'agentKiBOpen', heading: 'agent KiB', digits: 1 },
    { figure: 'ownKiBOpen', heading: 'all KiB', digits: 1 },
    { figure: 'ownKiBAsleep', heading: 'all KiB, 12 s later', digits: 1 },
    { figure: 'delivered', heading: 'still hear', digits: 0 },
  ],
  contenders: SHARED_CHILD,
  notQuick: SLOW,
  processes: 'alone',
  rounds: 1,
  prepare: async (subject, { isQuick }) => {
    const { client: early, sessions: guests } = await openSessions(subject.running.endpoint, WARM_UP_SESSIONS, NEEDED)
    await Promise.all(guests.map((guest) => guest.end()))
    early[Symbol.dispose]()
    const before = memory(subject)
    const { client, teller, deliveries } = await listeners(subject)
    const round = async (): Promise<Figures> => {
      const open = perSession(before, memory(subject), 'Open')
      await delay(isQuick ? 0 : SLEEP_MS)
      const asleep = perSession(before, memory(subject), 'Asleep')
      await tellAll(teller, deliveries)
      return { ...open, ...asleep, delivered: deliveries.count }
    }
    return prepared(round, () => client[Symbol.dispose]())
  },
}

export const STREAM_CASES: readonly Case[] = [IDLE_STREAMS, FAN_OUT]
