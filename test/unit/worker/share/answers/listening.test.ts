import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { verifies } from '../../../../requirements/verifies.ts'
import { ListeningScene } from './listening-scene.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

type Step = (scene: ListeningScene, session: string) => unknown

/** What may happen at any time, in any order: the more often it stands here, the more often it does. */
const STEPS: readonly (readonly [weight: number, step: Step])[] = [
  [8, (scene) => scene.shareTakes()],
  [8, (scene) => scene.agentTakes()],
  [8, (scene, session) => scene.takes(session)],
  [4, (scene) => scene.says(false)],
  [2, (scene) => scene.says(true)],
  [2, (scene, session) => scene.leaves(session)],
  [2, (scene) => scene.notices()],
  [1, (scene) => scene.setWritable(false)],
  [1, (scene) => scene.setWritable(true)],
  [1, (scene) => scene.passes(1000)],
  [1, (scene) => scene.passesLong()],
]

const CUTS: typeof STEPS = [
  [1, (scene) => scene.cut()],
  [2, (scene) => scene.linked()],
]

/** A client that names what it has seen comes so each time. */
function stepsOf(isMarked: boolean, hasCuts: boolean): fc.Arbitrary<Step> {
  const comes: Step = (scene, session) => scene.isListening(session) || scene.comes(session, isMarked)
  const all = [...STEPS, ...(hasCuts ? CUTS : []), [4, comes] as const]
  return fc.oneof(...all.map(([weight, step]) => ({ weight, arbitrary: fc.constant(step) })))
}

const CHILDREN = [
  { child: 'a child of its own', sessions: ['s0'] },
  { child: 'a child that serves two', sessions: ['s0', 's1'] },
]
const CLIENTS = [
  { client: 'names the last event that it has seen', isMarked: true },
  { client: 'names nothing', isMarked: false },
]
const LINKS = [
  { link: 'is never cut', hasCuts: false },
  { link: 'is cut', hasCuts: true },
]
const CASES = CHILDREN.flatMap((child) => CLIENTS.flatMap((client) => LINKS.map((link) => ({ ...child, ...client, ...link }))))

test.each(CASES)(
  'whoever listens to $child, and $client, sees all, whenever it leaves and comes, where the agent’s link $link',
  ({ sessions, isMarked, hasCuts }) => {
    verifies('promise.5.never-untaken')
    const schedule = fc.array(fc.tuple(stepsOf(isMarked, hasCuts), fc.constantFrom(...sessions)), { maxLength: 250, size: 'max' })
    fc.assert(
      fc.property(schedule, (steps) => {
        const scene = new ListeningScene(sessions)
        vi.spyOn(Date, 'now').mockImplementation(() => scene.nowMs)
        for (const session of sessions) scene.comes(session, false)
        for (const [step, session] of steps) step(scene, session)
        scene.settle(isMarked)
        expect(scene.missed).toEqual([])
      }),
      { numRuns: 300 },
    )
  },
)
