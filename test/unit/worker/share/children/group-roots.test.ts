import { describe, expect, test } from 'vitest'
import { bridgedGroup, channelName, spareGroup } from '../../../../../worker/contract/groups.ts'
import { KEPT_ROOTS_MS, MAX_KEPT_ROOTS_CHARS, MAX_WAITING_ROOTS, ROOTS_ASKED_MS } from '../../../../../worker/asking-limits.ts'
import type { Askers } from '../../../../../worker/share/children/askers.ts'
import { GroupRoots } from '../../../../../worker/share/children/group-roots.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'

const GROUP = bridgedGroup('x')
const CH = channelName(GROUP, 1)
const RESULT = '{"roots":[]}'

/** `running` and `parked`: keys of calls. */
function stage(running: readonly string[] = [], parked: readonly string[] = []): GroupRoots {
  const waiting = new Map<string, string[]>()
  const bridge = {
    parkedOn: () => parked.map((key) => ({ key, isForRoots: true })),
    waitingRoots: (ch: string) => waiting.get(ch) ?? [],
    putWaitingRoots: (ch: string, rawId: string) => void waiting.set(ch, [...(waiting.get(ch) ?? []), rawId]),
    dropWaitingRoots: (ch: string, rawId: string) =>
      void waiting.set(
        ch,
        (waiting.get(ch) ?? []).filter((one) => one !== rawId),
      ),
  }
  const askers: Pick<Askers, 'isRunning'> = { isRunning: (key) => running.includes(key) }
  return new GroupRoots({ store: { bridge } as unknown as Store, askers: askers as Askers })
}

describe('GroupRoots', () => {
  test('keeps what a client said for its group, spare children included, for a while', () => {
    const roots = stage()
    expect(roots.answerFor(CH, 0)).toBeUndefined()
    roots.keep(CH, RESULT, 0)
    expect(roots.answerFor(channelName(GROUP, 2), 1)).toBe(RESULT)
    expect(roots.answerFor(channelName(spareGroup(GROUP, 'a'.repeat(32)), 1), 1)).toBe(RESULT)
    expect(roots.answerFor(channelName(bridgedGroup('y'), 1), 1)).toBeUndefined()
    expect(roots.answerFor(CH, KEPT_ROOTS_MS)).toBeUndefined()
    const other = stage()
    other.keep(CH, 'x'.repeat(MAX_KEPT_ROOTS_CHARS + 1), 0)
    expect(other.answerFor(CH, 1)).toBeUndefined()
  })

  test('lets so many requests wait, and the oldest give way', () => {
    const roots = stage()
    for (let id = 1; id <= MAX_WAITING_ROOTS; id++) expect(roots.wait(CH, String(id))).toBeUndefined()
    expect(roots.wait(CH, '"more"')).toBe('1')
    expect(roots.waiting(CH)).toHaveLength(MAX_WAITING_ROOTS)
    roots.settle(CH, '2')
    expect(roots.waiting(CH)[0]).toBe('3')
  })

  test('knows a client as being asked while its call runs or waits for it, and not for ever', () => {
    for (const roots of [stage(['k']), stage([], ['k'])]) {
      roots.asking(CH, 'k', '1', 0)
      expect([roots.isAsking(CH, 1), roots.isAsking(CH, ROOTS_ASKED_MS)]).toEqual([true, false])
      roots.settle(CH, '1')
      expect(roots.isAsking(CH, 1)).toBe(false)
    }
    const left = stage()
    left.asking(CH, 'k', '1', 0)
    expect(left.isAsking(CH, 1)).toBe(false)
  })

  test('knows that clients have no roots once they have said so', () => {
    const roots = stage()
    expect(roots.hasNone(CH)).toBe(false)
    roots.noteClient(GROUP, false)
    expect(roots.hasNone(CH)).toBe(true)
    roots.noteClient(GROUP, true)
    expect(roots.hasNone(CH)).toBe(false)
  })
})
