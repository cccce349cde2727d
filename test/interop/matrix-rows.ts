/** The rows of the matrix: what is proved of a client on a server of each era, and how. */
import { setTimeout as delay } from 'node:timers/promises'
import { type JsonObject, toolText } from '../harness/json.ts'
import { askingServer, type Command, conformanceServer, fixture, npmServer, type ServerEra } from '../harness/selfhost.ts'
import { type Ask, ELICITED, ROOTS, SAMPLED, type TestClient } from '../harness/test-client.ts'

/** Pause before a resource is changed again. */
const AGAIN_MS = 4000
const UPDATED_URI = 'demo://resource/dynamic/text/7'
const WATCHED_URI = 'test://watched-resource'

const SERVERS = {
  everything: npmServer('server-everything'),
  modern: conformanceServer('modern'),
  legacy: conformanceServer('legacy'),
  both: conformanceServer('both'),
  echo: fixture('echo'),
}

/** Throws what is wrong; else says what the client got, which has to be what it gets over stdio. */
export type Prove = (client: TestClient) => Promise<string>

/** On which server a thing is proved, and how. */
export interface Cell {
  readonly server: string
  readonly command: Command
  readonly prove: Prove
}

/** A cell for each era of server with which it is tried. */
export interface Row extends Readonly<Partial<Record<ServerEra, Cell>>> {
  readonly what: string
  /** What its client declares; what all do where nothing is said. */
  readonly declares?: JsonObject
  /** The servers are alike: where client and server are of two eras, the client gets what it gets over stdio of the server of its own. */
  readonly isAlike?: true
}

function on(server: keyof typeof SERVERS, prove: Prove): Cell {
  return { server, command: SERVERS[server], prove }
}

function onAsking(prove: Prove, byTimer?: 'elicitation' | 'roots'): Readonly<Record<ServerEra, Cell>> {
  const cell = (era: ServerEra): Cell => ({ server: 'asking', command: askingServer(era, byTimer), prove })
  return { legacy: cell('legacy'), modern: cell('modern'), both: cell('both') }
}

function says(name: string, args: Record<string, unknown>, part: string): Prove {
  return async (client) => {
    const text = JSON.stringify((await client.callTool(name, args))['content'])
    if (!text.includes(part)) throw new Error(`no ${part} in ${text}`)
    return text
  }
}

function progresses(name: string, args: Record<string, unknown>, expected: readonly number[]): Prove {
  return async (client) => {
    const seen: number[] = []
    await client.callTool(name, args, { onProgress: (step) => seen.push(step) })
    // SDK 2.x drops what it reads together with the answer: the last step may be missing, the others not.
    const isPrefix = seen.every((step, at) => step === expected[at])
    if (!isPrefix || seen.length < expected.length - 1) throw new Error(`progress ${seen.join(' ')}`)
    return 'progress'
  }
}

function hearsListChange(trigger: string): Prove {
  return async (client) => {
    await client.watch({ toolsListChanged: true })
    await client.callTool(trigger)
    await client.notifications.next('notifications/tools/list_changed')
    return 'heard'
  }
}

function hearsUpdate(wanted: string, trigger: string, stop?: string): Prove {
  return async (client) => {
    await client.watch({ resourceSubscriptions: [wanted] })
    const heard = client.notifications.next('notifications/resources/updated', ({ uri }) => uri === wanted)
    await client.callTool(trigger)
    // mcp-remote answers a subscription seconds before it listens: what changes in between it does not hear.
    const isHeard = await Promise.race([heard.then(() => true), delay(AGAIN_MS, false)])
    if (!isHeard && stop === undefined) await client.callTool(trigger)
    await heard
    if (stop !== undefined) await client.callTool(stop)
    return 'heard'
  }
}

/** The child itself says which of its calls were cancelled. */
const cancels: Prove = async (client) => {
  const leave = new AbortController()
  const waiting = client.callTool('wait', { key: 'leave' }, { signal: leave.signal }).then(
    () => 'answered',
    () => 'ended',
  )
  await client.callTool('waiting', { key: 'leave' })
  leave.abort()
  if ((await waiting) !== 'ended') throw new Error('the call was answered')
  if (toolText(await client.callTool('cancelled')) === '[]') throw new Error('the child has heard nothing')
  return 'cancelled'
}

/** What the client was asked, in no order, and what the server made of its answers. */
function asks(get: (client: TestClient) => Promise<unknown>): Prove {
  return async (client) => {
    const got = JSON.stringify(await get(client))
    const missing = GIVEN.filter((part) => !got.includes(JSON.stringify(part).slice(1, -1)))
    if (missing.length > 0) throw new Error(`no ${missing.join(', ')} in ${got}`)
    return `${got} after ${inOrder(client.asked)}`
  }
}

/** The server asks behind the answer to a call; what it was told then, it tells the next one. */
function asksLater(kind: 'elicitation' | 'roots'): Prove {
  return async (client) => {
    await client.callTool('later', { kind })
    return await hearsOfAnswer(client)
  }
}

const hearsOfAnswer: Prove = async (client) => {
  const told = toolText(await client.callTool('told'))
  if (told.startsWith('refused')) throw new Error(told)
  return `${told} after ${inOrder(client.asked)}`
}

function inOrder(asked: readonly Ask[]): string {
  return asked
    .map((ask) => JSON.stringify(ask))
    .toSorted()
    .join(' ')
}

const NAME = ELICITED.content.name
const BOTH_ROUNDS = `${NAME} likes ${ELICITED.content.color}`
const ROOT_URI = ROOTS.roots[0]?.uri ?? ''
const SAMPLE = SAMPLED.content.text
const GIVEN = [NAME, SAMPLE, ROOT_URI]

const updatesWatched = hearsUpdate(WATCHED_URI, 'test_update_resource')

/** A row of the fixtures of conformance, which are alike in all eras. */
function inEach(what: string, prove: Prove): Row & Readonly<Record<ServerEra, Cell>> {
  return { what, legacy: on('legacy', prove), modern: on('modern', prove), both: on('both', prove) }
}

export const ROWS: readonly Row[] = [
  {
    ...inEach('tools', says('test_simple_text', {}, 'simple text response')),
    legacy: on('everything', says('echo', { message: 'grüße' }, 'Echo: grüße')),
  },
  {
    ...inEach('elicitation', says('test_input_required_result_elicitation', {}, NAME)),
    legacy: on('everything', says('trigger-elicitation-request', {}, NAME)),
  },
  inEach('two-round elicitation', says('test_input_required_result_multi_round', {}, BOTH_ROUNDS)),
  {
    ...inEach('sampling', says('test_input_required_result_sampling', {}, SAMPLE)),
    legacy: on('everything', says('trigger-sampling-request', { prompt: 'hi' }, SAMPLE)),
  },
  // server-everything asks soon after its start, perhaps in the middle of no call, and keeps what it is told then.
  inEach('roots', says('test_input_required_result_list_roots', {}, ROOT_URI)),
  // server-everything asks for roots soon after its start: while a call waits for that answer, nobody hears its progress.
  inEach('progress', progresses('test_tool_with_progress', {}, [0, 50, 100])),
  { ...inEach('list-changed', hearsListChange('test_trigger_tool_change')), legacy: on('echo', hearsListChange('change-list')) },
  {
    ...inEach('resource updates', updatesWatched),
    legacy: on('everything', hearsUpdate(UPDATED_URI, 'toggle-subscriber-updates', 'toggle-subscriber-updates')),
  },
  { ...inEach('cancellation', cancels), legacy: on('echo', cancels) },
  { what: 'asks of a tool', ...onAsking(asks(async (client) => toolText(await client.callTool('ask')))) },
  { what: 'asks of a prompt', ...onAsking(asks(async (client) => (await client.getPrompt('ask'))['messages'])) },
  { what: 'asks of a resource', ...onAsking(asks(async (client) => (await client.readResource('test://ask'))['contents'])) },
  { what: 'elicitation after a call', ...onAsking(asksLater('elicitation')) },
  { what: 'roots after a call', ...onAsking(asksLater('roots')) },
  { what: 'elicitation by a timer', ...onAsking(hearsOfAnswer, 'elicitation') },
  { what: 'roots by a timer', ...onAsking(hearsOfAnswer, 'roots') },
]
