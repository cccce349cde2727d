/** A request to a web app whose link ends while its limits are asked for in another lane. */
import { afterEach, expect, test, vi } from 'vitest'
import { Share } from '../../../worker/share/share.ts'
import { createExecutionContext } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import app from '../../../worker/index.ts'
import { order } from '../harness/orders.ts'
import { createShare } from '../harness/relay.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'
import { keyOf } from '../harness/web-agent.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

test('is refused, and is not begun as if its link still held', async () => {
  const share = await createShare({ lanes: 2, limits: { calls: '100/hour' } })
  const agents = [
    await ScriptedAgent.connect(share, { serves: 'web' }),
    await ScriptedAgent.connect(share, { serves: 'web', join: 'replica' }, 1),
  ]
  const { key, id } = await keyOf(share)
  const asked = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  const real = Object.getOwnPropertyDescriptor(Share.prototype, 'meter')?.value as Share['meter']
  vi.spyOn(Share.prototype, 'meter').mockImplementation(async function (this: Share, ...args) {
    if (args[0].op === 'spend') {
      asked.resolve()
      await go.promise
    }
    return Reflect.apply(real, this, args)
  })
  const ask = (): Promise<Response> => {
    const request = new Request(`https://relay.example/s/${share.id}/k/${key}/http/x`)
    return Promise.resolve(app.fetch(request, env, createExecutionContext()))
  }
  // Those that come to the lane that keeps the limits are begun at once, and are answered.
  let waiting: Promise<Response> | undefined
  while (waiting === undefined) {
    const response = ask()
    const where = await Promise.race([asked.promise.then(() => undefined), ...agents.map(async (one) => one.hasFrame().then(() => one))])
    if (where === undefined) waiting = response
    else {
      const { x } = (await where.expect('web_open')).header
      where.send({ type: 'web_head', x, status: 204, headers: [] })
      where.send({ type: 'web_end', x })
      await response
      await where.expect('web_gone')
    }
  }
  await order('DELETE', `/api/shares/${share.id}/tokens/${id}`)
  go.resolve()
  const status = await Promise.race([
    waiting.then((response) => response.status),
    ...agents.map(async (one) => one.hasFrame().then(() => 'begun')),
  ])
  expect(status).toBe(410)
})
