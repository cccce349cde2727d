/** A server of revision 2026-07-28 as a session meets it: its facts, and frames of its answers. */
import type { AgentFrame } from '../../../../../protocol/frame.ts'
import { encodeFrame } from '../../../../../protocol/frame-codec.ts'
import type { BridgeFacts } from '../../../../../worker/contract/share-rpc.ts'

const encoder = new TextEncoder()

export const CALLER = { principal: 'ann', session: 'sess' }
export const KEY = '0123456789abcdef0123456789abcdef'

const CLIENT = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: { elicitation: {} }, clientInfo: { name: 'c', version: '1' } },
}

export const FACTS: BridgeFacts = {
  version: 'v1',
  childEra: 'modern',
  server: encoder.encode(
    '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}',
  ),
  client: encoder.encode(JSON.stringify(CLIENT)),
}

/** The text of a response whose id the agent has given. */
export function response(result: string): string {
  return `{"jsonrpc":"2.0","id":0,"result":${result}}`
}

export const ASKS = response(
  '{"resultType":"input_required","requestState":"s-1","inputRequests":{"who":{"method":"elicitation/create","params":{"mode":"form","message":"Name?","requestedSchema":{"type":"object","properties":{}}}}}}',
)

/** The header of an answer to a call of this key that was translated, or of one that was not. */
export function answerHeader(text: string, { key = KEY, isTranslated = true, n = 1 } = {}): Extract<AgentFrame, { type: 'answer' }> {
  const ra = `${isTranslated ? 't' : 'c'}${key}${CALLER.session}`
  return {
    type: 'answer',
    ch: 'sess.1',
    n,
    at: 0,
    size: encoder.encode(text).length,
    key,
    ra,
    id: [22, 23],
    failed: text.includes('"error"'),
  }
}

/** An answer that comes over RPC. */
export function rpcAnswer(text: string, options: Parameters<typeof answerHeader>[1] = {}) {
  return { kind: 'frame', frame: encodeFrame(answerHeader(text, options), encoder.encode(text)), restarted: false }
}
