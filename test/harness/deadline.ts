/** Owns waiting in tests: every wait has a bound, and says what it waited for when the bound is reached. */
import { setTimeout as delay } from 'node:timers/promises'

/** Longest wait for anything that should take well under a second; long enough for a busy machine. */
const WAIT_MS = 30_000

const POLL_MS = 25

/**
 * Resolves as the promise does.
 *
 * @throws Error naming `what` after `boundMs`.
 */
export async function within<T>(promise: Promise<T>, what: string, boundMs = WAIT_MS): Promise<T> {
  const timer = new AbortController()
  const expired = delay(boundMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`waited ${boundMs} ms in vain for ${what}`)
  })
  try {
    return await Promise.race([promise, expired])
  } finally {
    timer.abort()
    expired.catch(() => {})
  }
}

/**
 * Asks again until the answer is neither undefined nor false; only for states that nothing reports.
 *
 * @throws Error naming `what` after `boundMs`.
 */
export async function until<T>(
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  boundMs = WAIT_MS,
): Promise<T> {
  const end = performance.now() + boundMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > end) throw new Error(`waited ${boundMs} ms in vain for ${what}`)
    await delay(POLL_MS)
  }
}
