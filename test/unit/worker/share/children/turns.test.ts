import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CANCELLED_DOUBT_MS, TURN_WAIT_MS } from '../../../../../worker/asking-limits.ts'
import type { Askers, RunningAsker } from '../../../../../worker/share/children/askers.ts'
import type { GroupRoots } from '../../../../../worker/share/children/group-roots.ts'
import { Turns } from '../../../../../worker/share/children/turns.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'

const CH = 'c.1'

/** The channel `c.1`: `asking` names ask, `quiet` ones do not; `running` calls are there. */
class Stage {
  running: RunningAsker[] = []
  parked: { readonly key: string; readonly isForRoots: boolean }[] = []
  asking = new Set<string>()
  quiet = new Set<string>()
  isAskingRoots = false
  readonly turns: Turns

  constructor() {
    const askers: Pick<Askers, 'isQuiet' | 'mayAsk' | 'running'> = {
      isQuiet: (_, name) => this.quiet.has(name),
      mayAsk: (_, name) => this.asking.has(name),
      running: () => this.running,
    }
    const roots: Pick<GroupRoots, 'isAsking'> = { isAsking: () => this.isAskingRoots }
    const store = { bridge: { parkedOn: () => this.parked } } as unknown as Store
    this.turns = new Turns({ store, askers: askers as Askers, roots: roots as GroupRoots, rootOf: (principal) => principal.slice(0, 1) })
  }

  take(asker: string, key: string, isAskable: boolean, principal = 'a'): ReturnType<Turns['take']> {
    return this.turns.take({ asker, key, principal }, CH, isAskable)
  }

  run(asker: string): void {
    this.running.push({ key: asker, asker })
  }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

describe('Turns.take()', () => {
  test('is at once the own child where nothing that asks is about, and holds no timer', () => {
    const stage = new Stage()
    stage.run('u')
    expect(stage.take('t', 'k', false)).toBe('own')
    expect(vi.getTimerCount()).toBe(0)
  })

  test('lets what asks wait for all but what is known to be quiet', async () => {
    const stage = new Stage()
    stage.asking.add('t')
    stage.quiet.add('q')
    stage.run('q')
    expect(stage.take('t', 'k', false)).toBe('own')
    stage.run('u')
    const turn = stage.take('t', 'k', false)
    stage.turns.look('c')
    expect(stage.turns.size).toBe(1)
    stage.running = []
    stage.turns.look('c')
    expect(await turn).toBe('own')
    expect([stage.turns.size, vi.getTimerCount()]).toEqual([0, 0])
  })

  test('lets others wait for what asks, in their order, and quiet ones not', async () => {
    const stage = new Stage()
    stage.asking.add('t')
    stage.quiet.add('q')
    stage.run('t')
    const turns = [stage.take('u', 'k1', false), stage.take('t', 'k2', false)]
    expect(stage.take('q', 'k3', false)).toBe('own')
    stage.running = []
    stage.turns.look('c')
    expect(await turns[0]).toBe('own')
    stage.run('u')
    stage.turns.look('c')
    await vi.advanceTimersByTimeAsync(TURN_WAIT_MS)
    expect(await turns[1]).toBe('apart')
  })

  test('waits for a call that waits for its client, but not for one that is only asked for roots', async () => {
    const stage = new Stage()
    stage.parked = [{ key: 'p', isForRoots: true }]
    expect(stage.take('t', 'k', false)).toBe('own')
    stage.parked = [{ key: 'p', isForRoots: false }]
    const turn = stage.take('t', 'k', false)
    await vi.advanceTimersByTimeAsync(TURN_WAIT_MS)
    expect(await turn).toBe('apart')
  })

  test('lets all wait a little for the roots that a client is being asked for', async () => {
    const stage = new Stage()
    stage.quiet.add('q')
    stage.isAskingRoots = true
    const turns = [stage.take('q', 'k1', false), stage.take('u', 'k2', false)]
    await vi.advanceTimersByTimeAsync(TURN_WAIT_MS)
    expect([await turns[0], await turns[1]]).toEqual(['own', 'own'])
  })

  test('lets a name of which nothing is known wait for others of which nothing is known, where the client can be asked, but run there in the end', async () => {
    const stage = new Stage()
    stage.run('u')
    expect(stage.take('t', 'k0', false)).toBe('own')
    const turns = [stage.take('t', 'k1', true), stage.take('v', 'k2', true)]
    stage.turns.look('c')
    stage.quiet.add('u')
    stage.turns.look('c')
    expect(await turns[0]).toBe('own')
    stage.run('t')
    stage.turns.look('c')
    await vi.advanceTimersByTimeAsync(TURN_WAIT_MS)
    expect(await turns[1]).toBe('own')
  })

  test('is nowhere for a call whose client has left meanwhile', async () => {
    const stage = new Stage()
    stage.asking.add('t')
    stage.run('t')
    const turn = stage.take('u', 'k', false)
    stage.turns.cancelled('c', 'k')
    expect(await turn).toBe('gone')
  })

  test('is a spare child for what asks, for a while after a call was cancelled that may have asked', () => {
    const stage = new Stage()
    stage.asking.add('t')
    stage.run('u')
    stage.turns.cancelled('c', 'u')
    stage.running = []
    expect([stage.take('t', 'k', false), stage.take('v', 'k', false)]).toEqual(['apart', 'own'])
    vi.advanceTimersByTime(CANCELLED_DOUBT_MS)
    expect(stage.take('t', 'k', false)).toBe('own')
  })
})

test('Turns.waitingOf() counts what waits of all that count as one, until its turn has come', async () => {
  verifies('promise.10.own-first', 'promise.10.root')
  const stage = new Stage()
  stage.asking.add('t')
  stage.run('t')
  const turns = [stage.take('u', 'k1', false, 'a1'), stage.take('v', 'k2', false, 'a2'), stage.take('w', 'k3', false, 'b')]
  expect([stage.turns.waitingOf('a'), stage.turns.waitingOf('b'), stage.turns.waitingOf('c')]).toEqual([2, 1, 0])
  stage.turns.cancelled('c', 'k1')
  stage.turns.cancelled('c', 'k1')
  expect(stage.turns.waitingOf('a')).toBe(1)
  await vi.advanceTimersByTimeAsync(TURN_WAIT_MS)
  for (const turn of turns.slice(1)) expect(await turn).toBe('apart')
  expect([stage.turns.waitingOf('a'), stage.turns.waitingOf('b'), stage.turns.size]).toEqual([0, 0, 0])
})
