import { expect, test } from 'vitest'
import { STREAM_CLOSE } from '../../../../../worker/contract/streams.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'
import { WebExchanges } from '../../../../../worker/share/web/web-exchanges.ts'
import { MAX_OPEN_WEB_EXCHANGES, MAX_WEB_EXCHANGES_OF_ONE } from '../../../../../worker/web-limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const LINK = { name: 'a', connectedAtMs: 1, wire: undefined, socket: { send: () => {} } } as unknown as AgentLink

interface Closed {
  readonly x: string
  readonly code: number
}

/** The exchanges of an object whose only agent takes everything. */
function scene() {
  const closed: Closed[] = []
  let opened = 0
  const parts = {
    ctx: { getWebSockets: () => [], acceptWebSocket: () => {} },
    links: { all: () => [LINK], choose: () => LINK, named: () => LINK },
    health: { isSuspect: () => false, sent: () => {} },
    // A link that was narrowed counts as the one that it comes from.
    rootOf: (principal: string) => principal.split('/')[0] ?? '',
    ended: () => {},
  }
  const web = new WebExchanges(parts as unknown as ConstructorParameters<typeof WebExchanges>[0])
  const begin = (principal: string, count = 1): string | undefined => {
    for (let at = 0; at < count; at++) {
      const refusal = web.refuse(principal)
      if (refusal !== undefined) return refusal
      const x = `${principal} ${opened++}`
      const socket = { serializeAttachment: () => {}, close: (code: number) => closed.push({ x, code }) }
      web.open(socket as unknown as WebSocket, { x, link: principal, principal }, opened)
    }
    return undefined
  }
  return { begin, closed }
}

test('WebExchanges.refuse() bounds what one principal has, with all that was narrowed from it', () => {
  verifies('promise.14.fair')
  const { begin, closed } = scene()
  expect(begin('ann', MAX_WEB_EXCHANGES_OF_ONE - 1)).toBeUndefined()
  expect([begin('ann/narrowed'), begin('ann/other'), begin('ann')]).toEqual([undefined, 'SHARE_BUSY', 'SHARE_BUSY'])
  expect([begin('bob'), closed]).toEqual([undefined, []])
})

test('WebExchanges.refuse() takes the oldest of whoever has the most, when all places are taken, until each has as many', () => {
  verifies('promise.14.fair')
  const { begin, closed } = scene()
  expect(begin('ann', MAX_WEB_EXCHANGES_OF_ONE)).toBeUndefined()
  expect(begin('bob', MAX_OPEN_WEB_EXCHANGES - MAX_WEB_EXCHANGES_OF_ONE)).toBeUndefined()
  expect(begin('cat')).toBeUndefined()
  expect(closed).toEqual([{ x: 'ann 0', code: STREAM_CLOSE.CROWDED }])
  const third = Math.floor(MAX_OPEN_WEB_EXCHANGES / 3)
  expect(begin('cat', third - 1)).toBeUndefined()
  // Who has as many as the others takes nothing more from them, and who has the most least of all.
  expect(begin('cat', 3)).toBe('SHARE_BUSY')
  const lost = (who: string): number => closed.filter(({ x }) => x.startsWith(who)).length
  expect([lost('ann') + lost('bob') >= third, lost('cat')]).toEqual([true, 0])
  expect(begin('ann')).toBe('SHARE_BUSY')
})
