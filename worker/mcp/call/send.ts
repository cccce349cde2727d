/** Sends a client's notifications and responses to the Share, again until an agent has receipted them or the time is over. */
import type { Executed, Failure } from '../../../protocol/errors.ts'
import { MAX_BREAKS, RECEIPT_MS, RETRY_MS, TAKEOVER_WAIT_MS, UNHEARD_MS } from '../../limits.ts'
import { pause, within } from '../../within.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { randomKey } from '../../call-key.ts'
import type { ClientMessage } from '../message.ts'
import { judgeFor } from '../policy/bounds.ts'
import { refusalOf } from '../policy/message-verdict.ts'
import { noted } from '../policy/noted-refusal.ts'
import { agentNews, AGENT_AWAY, awayLeftMs } from '../../carry/away.ts'
import { type ShareClient } from '../../carry/share-client.ts'
import { firstPart } from '../../carry/upload.ts'
import { PassRefused } from '../../carry/pass-refused.ts'
import { isRetryable } from '../../carry/reset-error.ts'

/** Sends a notification or a response on; undefined when the agent has taken it. */
export async function send(share: ShareClient, caller: Caller, message: ClientMessage): Promise<Failure | undefined> {
  const { bytes, facts } = message
  const { kind, method, id, requestId } = facts
  // An error without an id answers nothing that anybody asked (JSON-RPC 2.0 §5).
  if (id?.raw === 'null') return undefined
  const refusal = noted(share, caller.principal, message, refusalOf(judgeFor(share), message))
  if (refusal !== undefined) return refusal
  const request = {
    ...caller,
    key: randomKey(),
    kind: kind === 'notification' ? 'notification' : 'response',
    method,
    body: firstPart(bytes),
    size: bytes.length,
    ...(kind === 'notification' || id === undefined ? {} : { rawId: id.raw }),
    ...(requestId === undefined ? {} : { requestId }),
  } as const
  const startMs = Date.now()
  /** When the first try was begun that may have reached an agent. */
  let sentMs: number | undefined
  for (let tries = 1; ;) {
    const triedMs = Date.now()
    const executed: Executed = sentMs === undefined ? 'no' : 'unknown'
    try {
      const resend = sentMs === undefined ? {} : { isResend: true, ageMs: triedMs - sentMs }
      const receipt = await within(
        RECEIPT_MS,
        share.send({ ...request, ...resend }, bytes, (grant) =>
          noted(share, caller.principal, message, refusalOf(judgeFor(share, grant), message)),
        ),
      )
      if (receipt === undefined) return { ...AGENT_AWAY, executed: 'unknown' }
      if (receipt.kind === 'sent') return undefined
      if (receipt.kind === 'failed') return receipt.failure
      if (receipt.kind === 'again') sentMs ??= triedMs
      const waitedMs = Date.now() - startMs + RETRY_MS
      if (receipt.kind === 'unheard' && waitedMs > UNHEARD_MS) return undefined
      if (receipt.kind === 'no_stream' && waitedMs > UNHEARD_MS) return await endUnheard(share, caller, executed)
      const leftMs = receipt.kind === 'away' ? awayLeftMs(receipt, Date.now() - startMs, share) : RETRY_MS
      if (leftMs === 0 || waitedMs > Math.max(TAKEOVER_WAIT_MS, share.awayWaitMs)) return { ...AGENT_AWAY, executed }
      await (receipt.kind === 'away'
        ? agentNews(share, receipt, { principal: caller.principal, isResend: sentMs !== undefined }, leftMs)
        : pause(RETRY_MS))
    } catch (error) {
      if (error instanceof PassRefused) return error.failure
      // The agent knows the key, so that sending it twice does no harm.
      if (++tries > MAX_BREAKS || !isRetryable(error)) return { code: 'INTERNAL', executed: 'unknown' }
      sentMs ??= triedMs
      share.renew()
      if (tries > 2) await pause(RETRY_MS)
    }
  }
}

/** The stream of an HTTP+SSE session has not come back in time. The session is its stream (MCP 2024-11-05): its client must begin anew. */
export async function endUnheard(share: ShareClient, { principal, session }: Caller, executed: Executed): Promise<Failure> {
  await share.end({ principal, session })
  return { code: 'SESSION_NOT_FOUND', executed }
}
