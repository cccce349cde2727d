/** Tells a server who calls it: writes the principal into the `_meta` of a request, and leaves every other byte as it was. Pure. */
import { findMember, type Span } from '../../protocol/json/json-scan.ts'
import { CLOSE_OBJECT, OPEN_OBJECT, skipSpace } from '../../protocol/json/json-skip.ts'
import { replacement, splice } from '../../protocol/splice.ts'

/** The key under which a server finds it. No client can send it: the relay refuses keys that begin so. */
const PRINCIPAL_KEY = 'mcp-edge/principal'

/** The request with the principal in `params._meta`; as it is where its params or their `_meta` are no objects. */
export function withPrincipal(body: Uint8Array, principal: string): Uint8Array {
  const member = `${JSON.stringify(PRINCIPAL_KEY)}:${JSON.stringify(principal)}`
  const root = skipSpace(body, 0)
  const params = findMember(body, root, 'params')
  if (params === undefined) return withFirst(body, [root, body.length], `"params":{"_meta":{${member}}}`)
  const meta = findMember(body, params[0], '_meta')
  return meta === undefined ? withFirst(body, params, `"_meta":{${member}}`) : withFirst(body, meta, member)
}

/** With one member more at the head of the object that begins there. */
function withFirst(body: Uint8Array, [open]: Span, member: string): Uint8Array {
  if (body[open] !== OPEN_OBJECT) return body
  const isEmpty = body[skipSpace(body, open + 1)] === CLOSE_OBJECT
  return splice(body, [replacement([open, open + 1], `{${member}${isEmpty ? '' : ','}`)])
}
