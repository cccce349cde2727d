import { expect, test } from 'vitest'
import type { Call } from '../../../../../protocol/frame.ts'
import { decodeRelayFrame } from '../../../../../protocol/frame-codec.ts'
import { RELAY_PRINCIPAL } from '../../../../../worker/contract/pinned-server.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'
import { CallTurns } from '../../../../../worker/share/agents/call-turns.ts'
import type { LinkHealth } from '../../../../../worker/share/agents/link-health.ts'
import { MessageSender } from '../../../../../worker/share/agents/message-sender.ts'
import { verifies } from '../../../../requirements/verifies.ts'

/** A sender, and the keys of the calls that have reached the agent. */
function stage(maxCalls: number | undefined): { sender: MessageSender; sent: string[]; link: AgentLink; refused: string[] } {
  const sent: string[] = []
  const refused: string[] = []
  const send = (message: Uint8Array): void => {
    const frame = decodeRelayFrame(message)
    if (frame.ok && frame.value.header.type === 'call') sent.push(frame.value.header.key.slice(-1))
  }
  const turns = new CallTurns({
    awaited: () => [],
    rootOf: (principal) => principal,
    isWanted: () => true,
    refused: ({ key }, code) => void refused.push(`${key.slice(-1)} ${code}`),
    givenBack: () => {},
  })
  const health: Pick<LinkHealth, 'sent'> = { sent: () => {} }
  return {
    sender: new MessageSender(health as LinkHealth, turns),
    sent,
    link: { socket: { send }, maxCalls } as unknown as AgentLink,
    refused,
  }
}

const callOf = (digit: string, method = 'tools/call', size = 2): Call => {
  return { type: 'call', ch: 'c.1', key: digit.padStart(32, '0'), method, id: [0, 1], ra: 'r', tag: digit, size }
}

test('MessageSender counts the calls of clients alone: neither listens, nor what the relay asks for its own sake or sends by itself', () => {
  verifies('promise.10.agent-calls')
  const { sender, sent, link } = stage(1)
  const body = new Uint8Array(2)
  sender.send(link, callOf('1', 'subscriptions/listen'), body, { principal: 'p' })
  sender.send(link, callOf('2'), body, { principal: 'p' })
  sender.send(link, callOf('3'), body, { principal: 'p' })
  sender.send(link, callOf('4'), body, { principal: RELAY_PRINCIPAL })
  sender.send(link, callOf('5'), body)
  expect(sent).toEqual(['1', '2', '4', '5'])
  sender.ended(link, callOf('2').key)
  expect(sent).toEqual(['1', '2', '4', '5', '3'])
})

test('MessageSender sends what goes on with a call of the agent, and refuses at once what has more to come', () => {
  verifies('promise.2.never-twice', 'promise.10.named')
  const { sender, sent, link, refused } = stage(1)
  sender.send(link, callOf('1'), new Uint8Array(2), { principal: 'p' })
  sender.send(link, callOf('2'), new Uint8Array(2), { principal: 'p', input: {} })
  sender.send(link, callOf('3'), new Uint8Array(2), { principal: 'p', isResend: true })
  expect(sent).toEqual(['1', '2', '3'])
  sender.send(link, callOf('4', 'tools/call', 3), new Uint8Array(2), { principal: 'p' })
  expect(refused).toEqual(['4 AGENT_BUSY'])
})

test('MessageSender counts nothing for an agent that takes any number', () => {
  const { sender, sent, link } = stage(undefined)
  for (const digit of ['1', '2', '3']) sender.send(link, callOf(digit), new Uint8Array(2), { principal: 'p' })
  expect(sent).toEqual(['1', '2', '3'])
})
