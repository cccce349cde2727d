import { expect, test } from 'vitest'
import type { AgentLinks } from '../../../../../worker/share/agents/links.ts'
import { ChildIntroductions } from '../../../../../worker/share/answers/child-introductions.ts'
import type { CreditGrants } from '../../../../../worker/share/answers/credit-grants.ts'
import { OverdueCalls } from '../../../../../worker/share/calls/overdue-calls.ts'
import type { Sessions } from '../../../../../worker/share/calls/sessions.ts'
import { type Waiter, Waiters } from '../../../../../worker/share/clients/waiters.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const FACTS = { group: 'g', agent: 'here', session: 's', principal: 'p', isInitialize: false, restarted: false, canStream: true }

function stage() {
  const waiters = new Waiters(() => {})
  const abandoned: Waiter[] = []
  const left: string[] = []
  const links: Pick<AgentLinks, 'named'> = { named: (name) => (name === 'here' ? ({} as ReturnType<AgentLinks['named']>) : undefined) }
  const introductions = new ChildIntroductions({ waiters } as ConstructorParameters<typeof ChildIntroductions>[0])
  const creditGrants = { abandon: (waiter: Waiter) => void abandoned.push(waiter) } as unknown as CreditGrants
  const sessions = { left: (session: string) => void left.push(session) } as unknown as Sessions
  const overdue = new OverdueCalls({ links: links as AgentLinks, waiters, introductions, creditGrants, sessions })
  const end = (key: string): void => {
    const waiter = waiters.get(key)
    if (waiter === undefined) throw new Error(`nothing waits under ${key}`)
    overdue.end(waiter)
  }
  return { waiters, introductions, abandoned, left, end }
}

test('OverdueCalls sends a call to its stream, where it may wait while the Share sleeps', async () => {
  verifies('promise.6.no-rpc-for-ever')
  const { waiters, abandoned, end } = stage()
  const outcome = waiters.wait('k', FACTS)
  end('k')
  expect(await outcome).toEqual({ kind: 'stream', restarted: false })
  expect([waiters.get('k')?.buffer, abandoned]).toEqual([[], []])
})

test('OverdueCalls gives up a call whose Worker has not opened the stream', () => {
  const { waiters, abandoned, end } = stage()
  void waiters.wait('k', FACTS)
  end('k')
  end('k')
  expect(abandoned).toEqual([waiters.get('k')])
})

test('OverdueCalls has a call made again that waits for its child to be introduced', async () => {
  verifies('promise.6.no-rpc-for-ever')
  const { waiters, introductions, end } = stage()
  const outcome = waiters.wait('k', FACTS)
  introductions.holdFor('k', () => ({ kind: 'accepted' }))
  end('k')
  expect(await outcome).toEqual({ kind: 'pending' })
  expect([waiters.size, introductions.isAwaitedBy('k')]).toEqual([0, false])
})

test('OverdueCalls lets a call wait on whose agent is lost: the grace time ends that', () => {
  const { waiters, end } = stage()
  void waiters.wait('k', { ...FACTS, agent: 'lost' })
  end('k')
  expect(waiters.get('k')).toMatchObject({ buffer: undefined })
})

test('OverdueCalls takes the client of an initialize for gone that nobody fetches, and not before that is due', () => {
  verifies('promise.6.left-initialize')
  const { waiters, introductions, left, end } = stage()
  void waiters.wait('own', { ...FACTS, isInitialize: true })
  end('own')
  expect(left).toEqual([])
  end('own')
  expect(left).toEqual(['s'])
  void waiters.wait('shared', { ...FACTS, session: 't', isInitialize: true })
  introductions.holdFor('shared', () => ({ kind: 'accepted' }))
  end('shared')
  expect(left).toEqual(['s', 't'])
})
