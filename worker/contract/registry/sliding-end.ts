/** When the end of a share moves that slides with its use: in steps, so that it is written seldom. Pure. */

/** The least that an end is moved by, as long as a life has room for some such steps. */
const MIN_STEP_MS = 60_000
/** Steps of a life: its end is never earlier than a hundredth of it before what the last use asks for. */
const STEPS = 100
/** Of a life that is too short for that. */
const FEWEST_STEPS = 4

/**
 * Where an end is moved to after a use, in milliseconds since 1970; undefined while that is less than a step away. `lifeMs`: from the last use
 * to the end.
 */
export function slidEnd(expiresAtMs: number, lifeMs: number, usedAtMs: number): number | undefined {
  const wantedMs = usedAtMs + lifeMs
  return wantedMs - expiresAtMs >= slidingStep(lifeMs) ? wantedMs : undefined
}

/** By how much at least an end of such a life is moved, in milliseconds. */
export function slidingStep(lifeMs: number): number {
  return Math.min(Math.max(lifeMs / STEPS, MIN_STEP_MS), lifeMs / FEWEST_STEPS)
}
