/** Owns how a test has a child of the handshake era ask in the middle of a call, and retries the call with what the client says. */
import { asked, callTool, HandshakeChild } from './handshake-child.ts'
import type { TestShare } from './relay.ts'

export const INPUT = { action: 'accept', content: { name: 'Grace' } }

export type CallFrame = Awaited<ReturnType<typeof expectCall>>

export function expectCall(child: HandshakeChild): ReturnType<typeof child.expect<'call'>> {
  return child.expect('call')
}

/** A call whose child has asked for a name: it waits for its client. */
export async function parked(name = 'a'): Promise<{ readonly child: HandshakeChild; readonly call: CallFrame; readonly state: string }> {
  const child = await HandshakeChild.connect()
  const response = callTool(child.share, name)
  const call = await expectCall(child)
  child.elicit(call.header, '"q"')
  const { requestState } = await asked(response)
  return { child, call, state: requestState }
}

export function retry(share: TestShare, state: string, more: { name?: string; token?: string; input?: object } = {}): Promise<Response> {
  const { name = 'a', token = share.clientToken, input = {} } = more
  return callTool(share, name, { token, input: { requestState: state, inputResponses: { 'ask-1': INPUT }, ...input } })
}
