import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EXIT } from '../../../agent/exit.ts'
import { FAULT_LEAVE_MS } from '../../../agent/limits.ts'
import { createLog } from '../../../agent/log.ts'
import { Mask } from '../../../agent/mask.ts'
import { UncaughtFaults } from '../../../agent/uncaught.ts'
import { verifies } from '../../requirements/verifies.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }))
afterEach(() => void vi.useRealTimers())

function stage() {
  const lines: string[] = []
  const log = createLog({
    level: 'info',
    json: false,
    mask: new Mask(['secret-token']),
    write: (line) => void lines.push(line),
    now: () => new Date(0),
  })
  const source = new EventEmitter()
  const [leave, kill] = [vi.fn<() => void>(), vi.fn<(exit: number) => void>()]
  const faults = new UncaughtFaults(log, { leave, kill }, source)
  return { lines, source, leave, kill, faults }
}

test('UncaughtFaults says so once, with what to do and no secret, and has the agent leave', () => {
  verifies('promise.agent.uncaught')
  const { lines, source, leave, faults } = stage()
  expect(faults.exit).toBe(EXIT.OK)
  source.emit('uncaughtException', new Error('no secret-token here'), 'unhandledRejection')
  source.emit('uncaughtException', 'more', 'uncaughtException')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/error fault origin=unhandledRejection fault="Error: no .* here.*Start it again, and report this line/)
  expect(lines[0]).not.toContain('secret-token')
  expect(leave).toHaveBeenCalledOnce()
  expect(faults.exit).toBe(EXIT.INTERNAL)
})

test('UncaughtFaults ends the agent at once when it cannot leave', () => {
  const { source, kill } = stage()
  source.emit('uncaughtException', new Error('x'), 'uncaughtException')
  vi.advanceTimersByTime(FAULT_LEAVE_MS - 1)
  expect(kill).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(kill).toHaveBeenCalledExactlyOnceWith(EXIT.INTERNAL)
})
