/** The one alarm of the object, for two purposes: a sweep of all that has its time, and to write what was counted of calls, which must not cause a sweep every few seconds. */

type Alarms = Pick<DurableObjectStorage, 'getAlarm' | 'setAlarm'>

export class AlarmClock {
  readonly #alarms: Alarms
  /** When the alarm rings to write what was counted, in milliseconds since 1970; undefined while it does not. */
  #flushMs: number | undefined
  /** While it does: when the next sweep is due. */
  #sweepMs = Infinity
  /** What is asked is done in its order, since the alarm is read and set by waiting. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(alarms: Alarms) {
    this.#alarms = alarms
  }

  /** Has a sweep made by then, in milliseconds since 1970. */
  sweepBy(timeMs: number | undefined): Promise<void> {
    return timeMs === undefined
      ? Promise.resolve()
      : this.#inTurn(async () => {
          this.#sweepMs = Math.min(this.#sweepMs, timeMs)
          const alarmMs = await this.#alarms.getAlarm()
          if (alarmMs === null || alarmMs > timeMs) await this.#alarms.setAlarm(timeMs)
        })
  }

  /** Has the next sweep made then, whatever was asked before. */
  sweepAt(timeMs: number): Promise<void> {
    return this.#inTurn(() => {
      this.#sweepMs = timeMs
      return this.#alarms.setAlarm(Math.min(timeMs, this.#flushMs ?? Infinity))
    })
  }

  /** Has what was counted written by then. No answer waits for that to be certain. */
  flushBy(timeMs: number): Promise<void> {
    return this.#inTurn(async () => {
      const alarmMs = await this.#alarms.getAlarm()
      if (alarmMs !== null && alarmMs <= timeMs) return
      if (this.#flushMs === undefined) this.#sweepMs = alarmMs ?? Infinity
      this.#flushMs = timeMs
      await this.#alarms.setAlarm(timeMs, { allowUnconfirmed: true })
    })
  }

  /** It has rung. True when a sweep is due; else the alarm is set for when it will be. */
  rang(nowMs: number): Promise<boolean> {
    return this.#inTurn(async () => {
      const isForFlush = this.#flushMs !== undefined && this.#flushMs <= nowMs
      this.#flushMs = undefined
      if (!isForFlush || this.#sweepMs <= nowMs || this.#sweepMs === Infinity) return true
      await this.#alarms.setAlarm(this.#sweepMs)
      return false
    })
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#last.then(act)
    this.#last = done.catch(() => undefined)
    return done
  }
}
