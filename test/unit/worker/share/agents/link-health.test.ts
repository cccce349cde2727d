import { expect, test } from 'vitest'
import { DOUBT_MS, LINK_QUIET_MS, UNANSWERED_MS } from '../../../../../worker/limits.ts'
import { LinkHealth } from '../../../../../worker/share/agents/link-health.ts'
import type { LinkSigns } from '../../../../../worker/share/agents/link-attachment.ts'
import type { AgentLinks } from '../../../../../worker/share/agents/links.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'

/** One link whose socket remembers what is noted, as through sleep. */
function stage(connectedAtMs = 0): {
  readonly link: AgentLink
  readonly wake: () => LinkHealth
  readonly notes: LinkSigns[]
  readonly pong: (atMs: number) => void
} {
  const link = { socket: {}, connectedAtMs } as AgentLink
  const notes: LinkSigns[] = [{ heardAtMs: connectedAtMs, silentSinceMs: undefined }]
  let pongAtMs = 0
  const links: Pick<AgentLinks, 'signsOf' | 'noteSigns'> = {
    signsOf: () => notes.at(-1) ?? { heardAtMs: 0, silentSinceMs: undefined },
    noteSigns: (_, signs) => void notes.push(signs),
  }
  return {
    link,
    notes,
    wake: () => new LinkHealth(links as AgentLinks, () => pongAtMs),
    pong: (atMs) => {
      pongAtMs = atMs
    },
  }
}

test('LinkHealth suspects a link on which a call has gone without any frame for 5 s, and no sooner', () => {
  verifies('promise.3.half-open')
  const { link, wake } = stage()
  const health = wake()
  expect(health.isSuspect(link, 1_000_000)).toBe(false)
  health.sent(link, 1000)
  health.sent(link, 5000)
  expect(health.isSuspect(link, 1000 + UNANSWERED_MS - 1)).toBe(false)
  expect(health.isSuspect(link, 1000 + UNANSWERED_MS)).toBe(true)
  health.heard(link, 8000)
  expect(health.isSuspect(link, 8000)).toBe(false)
})

test('LinkHealth takes a pong after the call for a sign of life, and one before it for none', () => {
  const { link, wake, pong } = stage()
  const health = wake()
  health.sent(link, 1000)
  pong(999)
  expect(health.isSuspect(link, 7000)).toBe(true)
  pong(6000)
  expect(health.isSuspect(link, 7000)).toBe(false)
})

test('LinkHealth keeps its suspicion through sleep, and drops it with the next frame', () => {
  const { link, wake } = stage()
  const health = wake()
  health.sent(link, 1000)
  expect(health.isSuspect(link, 7000)).toBe(true)
  const woken = wake()
  expect(woken.isSuspect(link, 60_000)).toBe(true)
  woken.heard(link, 61_000)
  expect(wake().isSuspect(link, 90_000)).toBe(false)
})

test('LinkHealth waits less for a link whose pings are overdue', () => {
  const { link, wake, pong } = stage(1000)
  const health = wake()
  expect(health.patienceMs(link, 1000 + LINK_QUIET_MS)).toBe(UNANSWERED_MS)
  expect(health.patienceMs(link, 1001 + LINK_QUIET_MS)).toBe(DOUBT_MS)
  pong(31_000)
  expect(health.patienceMs(link, 1001 + LINK_QUIET_MS)).toBe(UNANSWERED_MS)
})

test('LinkHealth notes on the socket what it hears, but not every time', () => {
  const { link, wake, notes } = stage()
  const health = wake()
  for (let atMs = 0; atMs <= 60_000; atMs += 10) health.heard(link, atMs)
  expect(notes.length).toBeGreaterThan(3)
  expect(notes.length).toBeLessThanOrEqual(5)
})

test('LinkHealth.silentSinceMs() names the call since which a suspect link owes a sign, through sleep too', () => {
  verifies('promise.3.silent-ends')
  const { link, wake, pong } = stage()
  const health = wake()
  health.sent(link, 1000)
  health.sent(link, 3000)
  expect(health.silentSinceMs(link, 1000 + UNANSWERED_MS - 1)).toBeUndefined()
  expect(health.silentSinceMs(link, 1000 + UNANSWERED_MS)).toBe(1000)
  expect(wake().silentSinceMs(link, 60_000)).toBe(1000)
  pong(50_000)
  expect(wake().silentSinceMs(link, 60_000)).toBeUndefined()
})
