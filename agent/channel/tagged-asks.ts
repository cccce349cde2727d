/** Puts the tag of a channel before the ids of what its child asks, and takes it out of the answers: clients are asked by several children (`open.askTag`). Pure. */
import { readAskId, taggedAskId } from '../../protocol/ask-ids.ts'
import { type RoutingValue, scanMessage } from '../../protocol/json/json-scan.ts'
import { replacement, splice } from '../../protocol/splice.ts'

/** A message, and the id in it that its client is to see. */
interface TaggedMessage extends RoutingValue {
  readonly body: Uint8Array
}

/** `id`: of what is asked, or taken back. */
export function withTaggedId(tag: string | undefined, { raw, span }: RoutingValue, body: Uint8Array): TaggedMessage {
  if (tag === undefined) return { raw, span, body }
  const tagged = taggedAskId(tag, raw)
  const id = replacement(span, tagged)
  return { raw: tagged, span: [span[0], span[0] + id.bytes.length], body: splice(body, [id]) }
}

/** The server's own id of such a request, whose channel may have no tag. */
export function ownId(tag: string | undefined, rawId: string): string {
  return tag === undefined ? rawId : (readAskId(rawId)?.rawId ?? rawId)
}

/** An answer to such a request, by the id that its server has given it. */
export function withOwnId(rawId: string, body: Uint8Array): Uint8Array {
  const own = readAskId(rawId)
  const facts = own === undefined ? undefined : scanMessage(body)
  const id = facts?.ok === true ? facts.value.id : undefined
  return own === undefined || id === undefined ? body : splice(body, [replacement(id.span, own.rawId)])
}
