/** Tasks of the extension (SEP-2663) in the real runtime: requests without sessions that name one go to the process that has it. */
import { evictDurableObject } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { LANES, connectAll, nextOf } from '../harness/all-lanes.ts'
import { type ModernRequest, postModern } from '../harness/handshake-child.ts'
import { createClientToken, createShare, EventReader, factsOf, stubOf, type TestShare } from '../harness/relay.ts'
import { bodyText, ScriptedAgent } from '../harness/scripted-agent.ts'

const TASKS = { extensions: { 'io.modelcontextprotocol/tasks': {} } }
const NOT_FOUND = { error: { code: -32602, data: { code: 'TASK_NOT_FOUND' } } }
const COMPLETE = '{"resultType":"complete"}'

function status(task: string): string {
  return `{"resultType":"task","taskId":"${task}","status":"working","createdAt":"x","lastUpdatedAt":"x","ttlMs":null}`
}

async function told(response: Promise<Response>): Promise<Record<string, unknown>> {
  return (await response).json()
}

/** The next call that is no look at the tools, which are answered. */
async function nextCall(agent: ScriptedAgent) {
  for (;;) {
    const frame = await agent.next()
    if (frame.header.type !== 'call') continue
    if (frame.header.method !== 'tools/list') return { header: frame.header, body: frame.body }
    agent.answer(frame.header, new TextDecoder().decode(frame.body.subarray(...frame.header.id)), '{"tools":[],"resultType":"complete"}')
  }
}

/** Has a task begun under this id; returns the channel of its process. */
async function begin(share: TestShare, agent: ScriptedAgent, task: string, more: ModernRequest = {}): Promise<string> {
  const response = postModern(share, 'tools/call', { name: 't', arguments: {} }, { capabilities: TASKS, ...more })
  const { header } = await nextCall(agent)
  expect(header.mayBeginTask).toBe(true)
  agent.answer(header, '1', status(task))
  expect(await told(response)).toMatchObject({ result: { taskId: task } })
  return header.ch
}

/** The channel on which a request is asked; it is answered there. */
async function askedOn(share: TestShare, agent: ScriptedAgent, method: string, task: string, more: ModernRequest = {}): Promise<string> {
  const response = postModern(share, method, { taskId: task }, { capabilities: TASKS, ...more })
  const { header } = await nextCall(agent)
  agent.answer(header, '1', COMPLETE)
  expect((await response).status).toBe(200)
  return header.ch
}

async function served() {
  const share = await createShare()
  return { share, agent: await ScriptedAgent.connect(share, { era: 'modern' }) }
}

test('what names a task goes to the process that has it, whatever its client declares now, and writes nothing', async () => {
  verifies('promise.13.process', 'promise.13.one-row')
  const { share, agent } = await served()
  const asking = { capabilities: { ...TASKS, elicitation: {} } }
  const ch = await begin(share, agent, 'one', asking)
  // Another group's child.
  expect(await begin(share, agent, 'two')).not.toBe(ch)
  const changes = (await factsOf(share)).counters.total_changes
  for (const capabilities of [TASKS, { ...TASKS, sampling: {} }, asking.capabilities, {}])
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel'])
      expect(await askedOn(share, agent, method, 'one', { capabilities })).toBe(ch)
  expect((await factsOf(share)).counters.total_changes).toBe(changes)
  await evictDurableObject(stubOf(share))
  expect(await askedOn(share, agent, 'tasks/get', 'one')).toBe(ch)
})

test('a task does not exist for others, and whoever does not declare tasks is told so first', async () => {
  verifies('promise.13.owner')
  const { share, agent } = await served()
  await begin(share, agent, 'one')
  const token = await createClientToken(share)
  for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel'])
    expect(await told(postModern(share, method, { taskId: 'one' }, { token, capabilities: TASKS }))).toMatchObject(NOT_FOUND)
  expect(await told(postModern(share, 'tasks/get', { taskId: ['one'] }, { token, capabilities: TASKS }))).toMatchObject(NOT_FOUND)
  const undeclared = await postModern(share, 'tasks/get', { taskId: 'one' }, { token, capabilities: {} })
  expect(undeclared.status).toBe(400)
  expect(await undeclared.json()).toMatchObject({ error: { code: -32021, data: { requiredCapabilities: TASKS } } })
  for (const method of ['tasks/list', 'tasks/result'])
    expect((await postModern(share, method, { taskId: 'one' }, { token, capabilities: TASKS })).status).toBe(404)
  expect(agent.waiting.filter(({ type }) => type === 'call')).toEqual([])
})

test('two principals have tasks of one id, each its own', async () => {
  verifies('promise.13.equal-ids')
  const { share, agent } = await served()
  const token = await createClientToken(share)
  const own = await begin(share, agent, 'one')
  const others = await begin(share, agent, 'one', { token })
  expect(await askedOn(share, agent, 'tasks/get', 'one')).toBe(own)
  expect(await askedOn(share, agent, 'tasks/get', 'one', { token })).toBe(others)
})

test('a process that serves all and gives one id to two principals is asked by neither for what it has under that', async () => {
  verifies('promise.13.equal-ids')
  const share = await createShare()
  const agent = await ScriptedAgent.connect(share, { era: 'modern', isolation: 'share' })
  const token = await createClientToken(share)
  await begin(share, agent, 'one')
  const response = postModern(share, 'tools/call', { name: 't', arguments: {} }, { capabilities: TASKS, token })
  const { header } = await nextCall(agent)
  agent.answer(header, '1', status('one'))
  expect(await told(response)).toMatchObject({ error: { data: { code: 'TASK_NAME_TAKEN' } } })
  for (const more of [{}, { token }])
    expect(await told(postModern(share, 'tasks/get', { taskId: 'one' }, { capabilities: TASKS, ...more }))).toMatchObject(NOT_FOUND)
})

test('a listen hears of its principal’s tasks only, from the process that has them', async () => {
  verifies('promise.13.told', 'promise.13.owner')
  const { share, agent } = await served()
  const token = await createClientToken(share)
  const ch = await begin(share, agent, 'mine', { capabilities: { ...TASKS, elicitation: {} } })
  await begin(share, agent, 'theirs', { token })
  const response = postModern(
    share,
    'subscriptions/listen',
    { notifications: { taskIds: ['theirs', 'mine', 'none'] } },
    { capabilities: TASKS },
  )
  const { header, body } = await nextCall(agent)
  expect(header.ch).toBe(ch)
  expect(bodyText({ header, body })).toContain('"taskIds":["mine"]')
  const changed = '{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"mine"}}'
  agent.notify(ch, changed, { ra: header.ra, sure: true })
  const events = new EventReader(await response)
  expect(await events.next()).toBe(changed)
  await events.cancel()
  expect((await nextFrame(agent, 'notify')).header).toMatchObject({ ch, cancels: header.tag })
  const twice = postModern(
    share,
    'subscriptions/listen',
    { notifications: { taskIds: ['mine'], task_ids: ['theirs'] } },
    { capabilities: TASKS },
  )
  expect(await (await twice).json()).toMatchObject({ error: { code: -32602 } })
})

async function nextFrame(agent: ScriptedAgent, type: string) {
  for (;;) {
    const frame = await agent.next()
    if (frame.header.type === type) return frame
  }
}

test('a group whose child has died is served by the agent that had its tasks', async () => {
  verifies('promise.13.outlives')
  const share = await createShare()
  const agents = [
    await ScriptedAgent.connect(share, { era: 'modern', agent: 'a', join: 'replica' }),
    await ScriptedAgent.connect(share, { era: 'modern', agent: 'b', join: 'replica' }),
  ]
  const call = async (capabilities: object, method: string, params: Record<string, unknown>, result: string) => {
    const response = postModern(share, method, params, { capabilities })
    const { lane, header } = await callOfAny(agents)
    agents[lane]?.answer(header, '1', result)
    expect((await response).status).toBe(200)
    return { lane, header }
  }
  // One group is always remembered.
  await call({ experimental: { first: true } }, 'prompts/list', {}, '{"prompts":[],"resultType":"complete"}')
  const { lane, header } = await call(TASKS, 'tools/call', { name: 't', arguments: {} }, status('one'))
  agents[lane]?.send({ type: 'died', ch: header.ch, reason: 'exit' })
  // Others are served meanwhile, and the agent that has fewest children gets the next.
  for (const round of [1, 2, 3, 4]) await call({ experimental: { round } }, 'prompts/list', {}, '{"prompts":[],"resultType":"complete"}')
  for (const name of ['one', 'two']) {
    const { header: other, ...more } = await call({ experimental: { name } }, 'prompts/list', {}, '{"prompts":[],"resultType":"complete"}')
    if (more.lane !== lane) agents[more.lane]?.send({ type: 'died', ch: other.ch, reason: 'exit' })
  }
  const again = await call({}, 'tasks/get', { taskId: 'one' }, COMPLETE)
  expect(again.lane).toBe(lane)
  expect(again.header.ch).not.toBe(header.ch)
})

/** The next call that is no look at the tools, of whichever agent. */
async function callOfAny(agents: readonly ScriptedAgent[]) {
  for (;;) {
    const { lane, frame } = await nextOf(agents)
    if (frame.header.type !== 'call') continue
    if (frame.header.method !== 'tools/list') return { lane, header: frame.header }
    agents[lane]?.answer(
      frame.header,
      new TextDecoder().decode(frame.body.subarray(...frame.header.id)),
      '{"tools":[],"resultType":"complete"}',
    )
  }
}

test('tasks of clients of any capabilities are on their principal’s lane', async () => {
  verifies('promise.13.process')
  const share = await createShare({ lanes: LANES })
  const agents = await connectAll(share, { era: 'modern' })
  for (let round = 0; round < 6; round++) {
    const capabilities = { ...TASKS, experimental: { round } }
    const response = postModern(share, 'tools/call', { name: 't', arguments: {} }, { capabilities })
    const { lane, header } = await callOfAny(agents)
    agents[lane]?.answer(header, '1', status(`task-${round}`))
    await response
    const later = postModern(share, 'tasks/get', { taskId: `task-${round}` }, { capabilities: { elicitation: {} } })
    const again = await callOfAny(agents)
    expect({ lane: again.lane, ch: again.header.ch }).toEqual({ lane, ch: header.ch })
    agents[lane]?.answer(again.header, '1', COMPLETE)
    expect((await later).status).toBe(200)
  }
})
