/** Answers that come in parts, over a cut of their link. */
import { evictDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { BigAnswer } from '../harness/big-answer.ts'
import { EventReader, stubOf } from '../harness/relay.ts'
import { connected, ScriptedAgent, survivorOf } from '../harness/scripted-agent.ts'

const CALL = '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}'

const BIG_BYTES = 700_000

/** Reads a JSON body until so many bytes have come. */
async function readAtLeast(response: Response, bytes: number): Promise<{ readonly text: string; rest(): Promise<string> }> {
  const reader = response.body?.getReader()
  if (reader === undefined) throw new Error('the response has no body')
  const decoder = new TextDecoder()
  const read = async (upto: number): Promise<string> => {
    let text = ''
    for (let taken = 0; taken < upto;) {
      const { value, done } = await reader.read()
      if (done) break
      taken += value.length
      text += decoder.decode(value, { stream: true })
    }
    return text
  }
  return { text: await read(bytes), rest: () => read(Infinity) }
}

/** A call of whose answer the first two of its parts are there. */
async function halfAnswered(accept = 'application/json, text/event-stream') {
  const { client, ...parts } = await connected()
  const responding = client.post(CALL, { accept })
  const { header } = await parts.agent.expect('call')
  const answer = new BigAnswer(header, '7', BIG_BYTES, parts.agent.lastNumber(parts.ch) + 1)
  answer.send(parts.agent, 0, 2)
  return { ...parts, header, answer, response: await responding }
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('an answer in parts', () => {
  test('is not told twice when the link is cut in the middle and the agent sends it all again', async () => {
    verifies('promise.3.cut-waits')
    const { share, agent, ch, header, answer, response } = await halfAnswered()
    const body = await readAtLeast(response, BIG_BYTES / 2)
    await agent.leave()
    const back = await ScriptedAgent.connect(share, survivorOf(ch, agent, [header.key]))
    answer.send(back)
    expect(body.text + (await body.rest())).toBe(answer.text)
  })

  test('goes on after the Share slept in the middle of it', async () => {
    verifies('promise.6.wakes-right')
    const { share, agent, answer, response } = await halfAnswered()
    const body = await readAtLeast(response, BIG_BYTES / 2)
    await evictDurableObject(stubOf(share))
    answer.send(agent, 2)
    expect(body.text + (await body.rest())).toBe(answer.text)
  })

  test('whose agent is proved dead breaks a JSON body off: what came of it is no whole', async () => {
    const { share, response } = await halfAnswered()
    const body = await readAtLeast(response, BIG_BYTES / 2)
    await ScriptedAgent.connect(share, { instance: 'two' })
    await expect(body.rest()).rejects.toThrow()
  })

  test('whose agent is proved dead ends on an event stream with an error of its own id', async () => {
    verifies('promise.8.late-status')
    const { share, response } = await halfAnswered('text/event-stream')
    const events = new EventReader(response)
    await ScriptedAgent.connect(share, { instance: 'two' })
    expect((await events.nextEvent())?.name).toBe('aborted')
    const error = await events.nextEvent()
    expect(error?.name).toBe('message')
    expect(JSON.parse(error?.data ?? '')).toMatchObject({ id: 7, error: { data: { code: 'AGENT_LOST', executed: 'unknown' } } })
    expect(await events.next()).toBeUndefined()
  })
})
