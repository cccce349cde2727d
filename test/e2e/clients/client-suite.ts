/** Owns what every real client must be able to do through a share, stated once for all of them. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { type Agent, createShare, fixture, npmServer, type Relay, type Share, startAgent, startRelay } from '../../harness/selfhost.ts'
import { asArray, asObject, textField, toolText } from '../../harness/json.ts'
import { ELICITED, ROOTS, SAMPLED, type TestClient } from '../../harness/test-client.ts'

/** Connects the client in question to a share. */
export type Connect = (share: Share) => Promise<TestClient>

interface Parts extends AsyncDisposable {
  readonly client: TestClient
  readonly stack: AsyncDisposableStack
}

async function connectTo(command: Parameters<typeof startAgent>[1]['command'], connect: Connect): Promise<Parts> {
  const stack = new AsyncDisposableStack()
  try {
    const relay: Relay = stack.use(await startRelay())
    const share = await createShare(relay)
    const agent: Agent = await startAgent(share, { command })
    stack.use(agent)
    const client = stack.use(await connect(share))
    return { client, stack, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

function firstContent(contents: unknown): Record<string, unknown> {
  return asObject(asArray(contents)[0])
}

function describeEverything(connect: Connect): void {
  let parts: Parts
  let client: TestClient
  beforeAll(async () => {
    parts = await connectTo(npmServer('server-everything'), connect)
    client = parts.client
  }, 120_000)
  afterAll(() => parts?.[Symbol.asyncDispose]())

  test('lists tools, those that depend on its capabilities among them', async () => {
    expect(await client.listTools()).toEqual(
      expect.arrayContaining(['echo', 'get-sum', 'get-roots-list', 'trigger-sampling-request', 'trigger-elicitation-request']),
    )
  })

  test('calls tools and gets text, structured content and errors', async () => {
    expect(toolText(await client.callTool('echo', { message: 'grüße 漢字 🙂' }))).toBe('Echo: grüße 漢字 🙂')
    expect(toolText(await client.callTool('get-sum', { a: 2, b: 40 }))).toContain('42')
    const weather = await client.callTool('get-structured-content', { location: 'Chicago' })
    expect(asObject(weather['structuredContent'])).toHaveProperty('temperature')
    expect((await client.callTool('get-sum', { a: 'no number' }))['isError']).toBe(true)
  })

  test('gets binary content from tools and resources', async () => {
    const image = await client.callTool('get-tiny-image')
    const block = asArray(image['content'])
      .map(asObject)
      .find(({ type }) => type === 'image')
    expect(
      Buffer.from(textField(block ?? {}, 'data'), 'base64')
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    const blob = firstContent((await client.readResource('demo://resource/dynamic/blob/1'))['contents'])
    expect(textField(blob, 'blob')).toMatch(/^[A-Za-z0-9+/]+=*$/)
  })

  test('lists and reads resources and templates', async () => {
    const { uris } = await client.listResources()
    expect(uris.length).toBeGreaterThan(0)
    const uri = uris[0] ?? ''
    expect(firstContent((await client.readResource(uri))['contents'])).toHaveProperty('uri', uri)
    expect(await client.listTemplates()).toContain('demo://resource/dynamic/text/{resourceId}')
  })

  test('lists, completes and gets prompts', async () => {
    expect(await client.listPrompts()).toEqual(expect.arrayContaining(['simple-prompt', 'args-prompt', 'completable-prompt']))
    expect(await client.completePrompt('completable-prompt', 'department', 'S')).toEqual(['Sales', 'Support'])
    const prompt = await client.getPrompt('completable-prompt', { department: 'Sales', name: 'Eve' })
    expect(JSON.stringify(prompt['messages'])).toContain('promote Eve to the head of the Sales team')
  })

  test('answers sampling, elicitation and roots during a call', async () => {
    expect(toolText(await client.callTool('trigger-sampling-request', { prompt: 'hi' }))).toContain(SAMPLED.content.text)
    expect(JSON.stringify(await client.callTool('trigger-elicitation-request'))).toContain(ELICITED.content.name)
    expect(toolText(await client.callTool('get-roots-list'))).toContain(ROOTS.roots[0]?.uri)
  })

  test('sees every step of progress, in order', async () => {
    const steps: number[] = []
    await client.callTool('trigger-long-running-operation', { duration: 0.2, steps: 4 }, { onProgress: (step) => steps.push(step) })
    // SDK 2.x, and mcp-remote on each side, drop progress that they read together with the answer; that it was sent is proved with
    // a client of our own. What is seen has no gap.
    expect(steps.length).toBeGreaterThanOrEqual(2)
    expect(steps).toEqual([1, 2, 3, 4].slice(0, steps.length))
  })

  test('sets the log level and receives log messages', async () => {
    await client.setLogLevel('debug')
    await client.callTool('toggle-simulated-logging')
    expect(await client.notifications.next('notifications/message', ({ data }) => String(data).includes('evel'))).toHaveProperty('level')
    await client.callTool('toggle-simulated-logging')
  })

  test('subscribes to a resource and receives its updates', async () => {
    const uri = 'demo://resource/dynamic/text/7'
    await client.subscribe(uri)
    await client.callTool('toggle-subscriber-updates')
    expect(await client.notifications.next('notifications/resources/updated')).toEqual({ uri })
    await client.callTool('toggle-subscriber-updates')
    await client.unsubscribe(uri)
  })
}

function describeEcho(connect: Connect): void {
  let parts: Parts
  let client: TestClient
  beforeAll(async () => {
    parts = await connectTo(fixture('echo'), connect)
    client = parts.client
  }, 120_000)
  afterAll(() => parts?.[Symbol.asyncDispose]())

  test('follows cursors to the last page', async () => {
    const uris: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.listResources(cursor)
      uris.push(...page.uris)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    expect(uris).toEqual(Array.from({ length: 25 }, (_, index) => `echo://resource/${index}`))
  })

  test('cancels a call so that the server learns of it', async () => {
    verifies('cancel.own-requests')
    const abort = new AbortController()
    const call = client.callTool('wait', { key: 'never' }, { signal: abort.signal })
    await client.callTool('waiting', { key: 'never' })
    abort.abort('the user changed their mind')
    await expect(call).rejects.toThrow()
    expect(asArray(JSON.parse(toolText(await client.callTool('cancelled'))))).toHaveLength(1)
  })

  test.each(['tools', 'resources', 'prompts'])('learns that the list of %s changed', async (list) => {
    await client.callTool('change-list', { list })
    await client.notifications.next(`notifications/${list}/list_changed`)
  })

  test('answers pings of the server, and is answered', async () => {
    expect(toolText(await client.callTool('ping-client'))).toBe('{}')
    await client.ping()
  })

  test('keeps calls apart that run at the same time', async () => {
    const texts = Array.from({ length: 20 }, (_, index) => `call ${index}`)
    const answers = await Promise.all(texts.map((text) => client.callTool('echo', { text })))
    expect(answers.map(toolText)).toEqual(texts)
  })
}

/** The whole suite for one client. */
export function describeClient(name: string, connect: Connect): void {
  describe(`${name} with server-everything`, () => describeEverything(connect))
  describe(`${name} with a raw server`, () => describeEcho(connect))
}
