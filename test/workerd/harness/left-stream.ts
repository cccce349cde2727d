/** Owns how a test begins a call whose stream its client leaves, and what a scripted agent says when it is asked for the rest. */
import type { Call, Notification, Replay } from '../../../protocol/frame.ts'
import type { DecodedFrame } from '../../../protocol/frame-codec.ts'
import { FIRST_ANSWER_MS } from '../../../worker/limits.ts'
import { shortTimers } from './held-timers.ts'
import { EventReader, type TestClient } from './relay.ts'
import type { ScriptedAgent } from './scripted-agent.ts'

export const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"_meta":{"progressToken":"p"},"name":"t"}}'
/** The revision in which the stream of a POST begins with an event id, before there is any message. */
export const PRIMED = { 'mcp-protocol-version': '2025-11-25' }

/** A step of CALL. */
export function progress(value: number): string {
  return `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"p","progress":${value}}}`
}

interface Begun {
  readonly header: Call
  readonly first: DecodedFrame<Notification>
  readonly events: EventReader
  readonly lastId: string
}

/** A call of which its client has seen one message. */
export async function begun({ agent, client }: { readonly agent: ScriptedAgent; readonly client: TestClient }): Promise<Begun> {
  const response = client.post(CALL)
  const { header } = await agent.expect('call')
  const first = agent.notify(header.ch, progress(1), { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  return { header, first, events, lastId: (await events.nextEvent())?.id ?? '' }
}

/** Posts a call whose stream begins at once, with an event id and nothing else. */
export async function primedCall(client: TestClient, call = CALL): Promise<{ readonly events: EventReader; readonly primed: string }> {
  const restore = shortTimers(FIRST_ANSWER_MS)
  const events = new EventReader(await client.post(call, PRIMED))
  const primed = await events.nextId()
  restore()
  return { events, primed }
}

/** Posts a call for which no agent is there, and leaves with the id that its stream is primed with. */
export async function leaveUnmade(client: TestClient): Promise<string> {
  const { events, primed } = await primedCall(client)
  await events.cancel()
  return primed
}

/** The replay that is asked for when a client comes back. What the client has seen is receipted before. */
export async function expectReplay(agent: ScriptedAgent): Promise<Replay> {
  await agent.expect('receipt')
  return (await agent.expect('replay')).header
}

/** What a real agent says when it is asked for an attempt that was never made; returns the key of that. */
export async function refuseReplay(agent: ScriptedAgent, code: 'EVENTS_LOST' | 'ALREADY_EXECUTED' = 'EVENTS_LOST'): Promise<string> {
  const replay = await expectReplay(agent)
  refuseReplayed(agent, replay, code)
  return replay.key ?? ''
}

/** The next call that comes. Replays of calls that are asked for before it are refused. */
export async function callAfterReplays(agent: ScriptedAgent): Promise<Call> {
  for (;;) {
    const { header } = await agent.next()
    if (header.type === 'call') return header
    if (header.type === 'replay' && header.key !== undefined) refuseReplayed(agent, header, 'EVENTS_LOST')
  }
}

/** What a real agent says of a call that it does not know, or whose answer it does not keep. */
export function refuseReplayed(agent: ScriptedAgent, { ch, key = '', ra = '' }: Replay, code: 'EVENTS_LOST' | 'ALREADY_EXECUTED'): void {
  agent.send({ type: 'failed', ch, key, ra, code, executed: code === 'EVENTS_LOST' ? 'unknown' : 'yes' })
}

/** An event id of a call's stream, as its client could word it for another method. */
export function rewordedId(id: string, method: string): string {
  const [kind, key, , ...rest] = id.split('.')
  const words = btoa(JSON.stringify([1, method]))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
  return [kind, key, words, ...rest].join('.')
}

/** A list that its client has left, and comes back to as if it had been another method: what the agent has of the call, and the new stream. */
export async function leftList(
  { agent, client }: { readonly agent: ScriptedAgent; readonly client: TestClient },
  method: string,
): Promise<{ readonly header: Call; readonly back: EventReader }> {
  const { events, primed } = await primedCall(client, '{"jsonrpc":"2.0","id":7,"method":"tools/list"}')
  const { header } = await agent.expect('call')
  await events.cancel()
  const back = new EventReader(await client.resume(rewordedId(primed, method)))
  await expectReplay(agent)
  return { header, back }
}
