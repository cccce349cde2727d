import { expect, test } from 'vitest'
import { AlarmClock } from '../../../../worker/share/alarm-clock.ts'

/** The platform's alarm, as it is set now. */
class Alarms {
  timeMs: number | null = null
  isBroken = false

  getAlarm(): Promise<number | null> {
    return Promise.resolve(this.timeMs)
  }

  setAlarm(timeMs: number | Date): Promise<void> {
    if (this.isBroken) return Promise.reject(new Error('no storage'))
    this.timeMs = Number(timeMs)
    return Promise.resolve()
  }

  /** The alarm rings, and is set no more. */
  ring(): number {
    const timeMs = this.timeMs ?? 0
    this.timeMs = null
    return timeMs
  }
}

function make(): { alarms: Alarms; clock: AlarmClock } {
  const alarms = new Alarms()
  return { alarms, clock: new AlarmClock(alarms) }
}

test('sweepBy moves the alarm forward only, sweepAt sets it', async () => {
  const { alarms, clock } = make()
  for (const [timeMs, expected] of [
    [100, 100],
    [200, 100],
    [50, 50],
    [undefined, 50],
  ] as const) {
    await clock.sweepBy(timeMs)
    expect(alarms.timeMs).toBe(expected)
  }
  await clock.sweepAt(300)
  expect(alarms.timeMs).toBe(300)
})

test('an alarm for what was counted causes no sweep, and is set for the sweep again', async () => {
  const { alarms, clock } = make()
  await clock.sweepAt(1000)
  await clock.flushBy(20)
  expect(alarms.timeMs).toBe(20)
  expect(await clock.rang(alarms.ring())).toBe(false)
  expect(alarms.timeMs).toBe(1000)
  expect(await clock.rang(alarms.ring())).toBe(true)
})

test('what is asked for while it is set for what was counted is not forgotten', async () => {
  const { alarms, clock } = make()
  await clock.sweepAt(1000)
  await clock.flushBy(20)
  await clock.sweepBy(500)
  expect(alarms.timeMs).toBe(20)
  expect(await clock.rang(alarms.ring())).toBe(false)
  expect(alarms.timeMs).toBe(500)
  await clock.flushBy(30)
  await clock.sweepAt(700)
  expect(alarms.timeMs).toBe(30)
  expect(await clock.rang(alarms.ring())).toBe(false)
  expect(alarms.timeMs).toBe(700)
})

test('a sweep is made when it is due by then, when it rings earlier than asked, and when nothing is known of before', async () => {
  const { alarms, clock } = make()
  await clock.sweepAt(1000)
  await clock.flushBy(20)
  expect(await clock.rang(1000)).toBe(true)
  alarms.timeMs = 1000
  await clock.flushBy(20)
  expect(await clock.rang(10)).toBe(true)
  expect(await new AlarmClock(alarms).rang(20)).toBe(true)
  const bare = make()
  await bare.clock.flushBy(20)
  expect(await bare.clock.rang(20)).toBe(true)
})

test('what is asked at once is done in its order, so that the earliest holds', async () => {
  const { alarms, clock } = make()
  await Promise.all([clock.sweepBy(400), clock.flushBy(300), clock.sweepBy(100), clock.flushBy(50), clock.sweepBy(200)])
  expect(alarms.timeMs).toBe(50)
  expect(await clock.rang(alarms.ring())).toBe(false)
  expect(alarms.timeMs).toBe(100)
})

test('an alarm that could not be set does not keep the next from being set', async () => {
  const { alarms, clock } = make()
  alarms.isBroken = true
  await expect(clock.sweepAt(5)).rejects.toThrow('no storage')
  alarms.isBroken = false
  await clock.sweepAt(7)
  expect(alarms.timeMs).toBe(7)
})
