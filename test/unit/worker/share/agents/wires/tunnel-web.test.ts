import { expect, test } from 'vitest'
import type { TunnelSaid } from '../../../../../../worker/share/agents/wires/dialect.ts'
import { exchangeNamed, TunnelWeb, tunnelWebId } from '../../../../../../worker/share/agents/wires/tunnel-web.ts'

const X = '0123456789abcdef'.repeat(2)

test('exchangeNamed() is an exchange as the relay names them, and nothing else that follows the prefix', () => {
  expect(exchangeNamed(tunnelWebId(X))).toBe(X)
  for (const other of [
    'web-',
    `web-${X}0`,
    `web-${X.slice(1)}`,
    `web-${X.toUpperCase()}`,
    `web-${X}\n`,
    `web-${'x'.repeat(500_000)}`,
    X,
    7,
    undefined,
  ])
    expect(exchangeNamed(other)).toBeUndefined()
})

test.each([
  ['of an open exchange notes that it is answered, so that nothing is cancelled when it is gone', true, 0],
  ['keeps nothing of what is no open exchange', false, 1],
])('TunnelWeb.heard() %s', (_, isOpen, cancelled) => {
  const sent: string[] = []
  const said: TunnelSaid[] = []
  const web = new TunnelWeb({ tunnel: 't', send: (text) => sent.push(text), say: (one) => said.push(one) > 0 && isOpen })
  web.heard({ x: X, kind: 'end' })
  expect(said).toEqual([{ x: X, kind: 'end' }])
  web.take({ type: 'web_gone', x: X }, new Uint8Array(0))
  expect(sent).toHaveLength(cancelled)
})
