import { expect, test } from 'vitest'
import type { ChildEnd, ChildHandlers } from '../../../../../agent/server/child.ts'
import { boundedStart, type MergedServer, MergedServers } from '../../../../../agent/server/merged/merged-servers.ts'
import { FakeChild } from '../../fake-child.ts'
import { MergedStage, settled } from './merged-stage.ts'

test('boundedStart() has so many processes at a time, and says of one more why it does not run', async () => {
  const ends: ChildEnd[] = []
  const handlers: ChildHandlers = { line: () => {}, tooLong: () => {}, stderr: () => {}, gone: (end) => void ends.push(end) }
  const started: FakeChild[] = []
  const start = boundedStart((inner) => {
    const fake = new FakeChild(inner)
    started.push(fake)
    return fake
  }, 1)
  start(handlers)
  start(handlers)
  await settled()
  expect(started).toHaveLength(1)
  expect(ends).toMatchObject([{ code: 'TOO_MANY_CHILDREN' }])
  started[0]?.ends()
  start(handlers)
  expect(started).toHaveLength(2)
})

test('a session that finds no room for one of its servers has the others, and its calls of it say so', async () => {
  const stage = new MergedStage('a', 'b')
  const start = boundedStart(() => {
    throw new Error('not called')
  }, 0)
  stage.servers.set([...stage.servers.all.slice(0, 1), stage.server('b', { digest: 'full', start })])
  stage.initialize()
  stage.greets('a')
  expect(await stage.heard()).toMatchObject([{ id: 0, result: {} }])
  stage.sends({ method: 'notifications/initialized' })
  stage.sends({ id: 1, method: 'tools/call', params: { name: 'b__x' } })
  expect(await stage.heard()).toMatchObject([{ id: 1, error: { data: { code: 'TOO_MANY_CHILDREN', executed: 'no', at: 'b' } } }])
})

test('MergedServers keeps what is told the same as before', () => {
  const { servers } = new MergedStage('a', 'b')
  const [a, b] = servers.all
  let told = 0
  const end = servers.onChange(() => void told++)
  const again = (one: MergedServer | undefined, more: Partial<MergedServer> = {}): MergedServer[] =>
    one === undefined ? [] : [{ ...one, ...more }]
  servers.set([...again(b), ...again(a, { isBare: true })])
  expect(servers.all[0]).toBe(b)
  expect(servers.all[1]).not.toBe(a)
  end()
  servers.set([])
  expect([told, new MergedServers([]).all]).toEqual([1, []])
})
