/** What an owner has allowed: exactly that call, of that client, once or always. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { runClockFaster } from '../harness/fast-clock.ts'
import { callText, heldWaits, ToolServer, toolsText } from '../harness/scenes/held-calls.ts'
import { createClientToken, EventReader } from '../harness/relay.ts'
import { type HeldScene, heldScene, newSession, heldCodeOf, isHeld } from '../harness/scenes/held-scene.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const TEXT = callText(7, '{"n":1.5}')

interface Called {
  readonly response: Promise<Response>
}

/** Has a call wait and its client leave, and allows it then. */
async function allowedLater({ share, client, owner }: HeldScene, text = callText(7)): Promise<string> {
  runClockFaster(60)
  const events = new EventReader(await client.postForEvents(text))
  const { id } = await owner.sole()
  await events.cancel()
  await heldWaits(share, 0)
  await owner.decide('allow', id)
  return id
}

describe('an allowance', () => {
  test('waits for a client that has left, and is used by its next try', async () => {
    verifies('promise.11.held-late')
    const made = await heldScene()
    const id = await allowedLater(made)
    const { server, client, owner } = made
    expect(server.waiting).toBe(0)
    expect((await owner.list()).decisions).toMatchObject([{ id, decision: 'allow' }])
    const again = client.post(callText(8))
    await server.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
    expect((await owner.list()).decisions).toEqual([])
  })

  test('holds for another session of the same principal', async () => {
    const made = await heldScene()
    await allowedLater(made)
    const again = (await newSession(made.share)).post(callText(8))
    await made.server.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
  })

  test('holds for a call that differs in what names a single call only', async () => {
    verifies('promise.11.held-bound')
    const made = await heldScene()
    const naming = (id: string): string =>
      `,"_meta":{"progressToken":"${id}","claudecode/toolUseId":"${id}","traceparent":"${id}","x":{"b":1,"a":2}}`
    await allowedLater(made, callText(7, '{"n":1.5}').replace('}}}', `}${naming('one')}}}`))
    const again = made.client.post(callText(8, '{"n":1.5}').replace('}}}', `}${naming('two')}}}`))
    await made.server.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
  })

  test.each([
    ['a member that nobody has written down', ',"dryRun":false'],
    ['a task', ',"task":{"ttl":5}'],
    ['something in _meta', ',"_meta":{"acme/target":"production","progressToken":1}'],
    ['input that its session was not asked for', ',"requestState":"s"'],
  ])('does not hold for a call with %s, which its owner is shown', async (_, more) => {
    verifies('promise.11.held-bound')
    const made = await heldScene()
    const { server, client, owner } = made
    const id = await allowedLater(made, TEXT)
    const response = client.post(TEXT.replace('}}}', `}${more}}}`))
    const approval = await owner.sole()
    expect(approval.id).not.toBe(id)
    const shown = JSON.parse(approval.other_params ?? '') as object
    expect(shown).toEqual(JSON.parse(`{${more.slice(1).replace(',"progressToken":1', '')}}`))
    expect(server.waiting).toBe(0)
    expect(await isHeld(owner, response)).toBe(true)
    expect((await owner.list()).decisions.find((one) => one.id === approval.id)?.other_params).toBeNull()
  })

  test.each<[string, (scene: HeldScene, ch: string) => Called | Promise<Called>]>([
    ['of other arguments', ({ client }) => ({ response: client.post(callText(8, { path: '/b' })) })],
    ['of a number in another spelling', ({ client }) => ({ response: client.post(callText(8, '{"n":1.50}')) })],
    ['of another tool', ({ client }) => ({ response: client.post(callText(8, { n: 1.5 }, 'write_other')) })],
    ['by another principal', async ({ share }) => ({ response: (await newSession(share, await createClientToken(share))).post(TEXT) })],
    [
      'of a tool that has changed',
      ({ client, server }, ch) => {
        server.change(ch, toolsText('writes, and tells everybody'))
        return { response: client.post(TEXT) }
      },
    ],
    [
      'under another policy',
      async ({ client, owner }) => {
        await owner.holds({ hold: ['write_*', 'x'] })
        return { response: client.post(TEXT) }
      },
    ],
    [
      'on another agent',
      async ({ share, server, client }) => {
        await ToolServer.connect(share, { agent: 'other', join: 'replace' })
        await server.agent.closed
        return { response: client.post(TEXT) }
      },
    ],
  ])('does not hold for a call %s', async (_, act) => {
    verifies('promise.11.held-bound')
    const made = await heldScene()
    const { server, client, owner } = made
    const probe = client.post(callText(1, {}, 'read_file'))
    const { ch } = (await server.answerNext()).header
    await probe
    const id = await allowedLater(made, TEXT)
    const { response } = await act(made, ch)
    expect((await owner.sole()).id).not.toBe(id)
    expect(server.waiting).toBe(0)
    expect(await isHeld(owner, response)).toBe(true)
  })
})
