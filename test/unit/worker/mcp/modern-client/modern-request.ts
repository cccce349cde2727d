/** Requests of revision 2026-07-28 as a route hands them on. */
import { importHmacKey } from '../../../../../worker/access/secrets/secret.ts'
import { readCapabilities } from '../../../../../worker/bridge/capabilities.ts'
import { isLoggingLevel } from '../../../../../worker/bridge/names.ts'
import { groupCallRequest } from '../../../../../worker/mcp/call/call-request.ts'
import type { AskAnswer } from '../../../../../worker/contract/share-rpc.ts'
import type { ModernCall } from '../../../../../worker/mcp/modern-client/request.ts'
import type { ScriptedShare } from '../../scripted-share.ts'
import { messageOf } from '../client-message.ts'

const META = 'io.modelcontextprotocol'
const STATE_KEY = await importHmacKey(new Uint8Array(32).fill(7))

export interface Asked {
  readonly method?: string
  readonly params?: Readonly<Record<string, unknown>>
  readonly capabilities?: Readonly<Record<string, unknown>>
  readonly logLevel?: string
  /** A progress token. */
  readonly token?: string
}

/** A request with the id 1 of the principal `p` and the group `g`. */
export function modernCall(share: ScriptedShare, { method = 'tools/call', params = { name: 'a' }, ...rest }: Asked = {}): ModernCall {
  const { capabilities = { elicitation: {} }, logLevel, token } = rest
  const meta = {
    [`${META}/protocolVersion`]: '2026-07-28',
    [`${META}/clientCapabilities`]: capabilities,
    ...(token === undefined ? {} : { progressToken: token }),
  }
  const message = messageOf({ id: 1, method, params: { ...params, _meta: meta } })
  const set = readCapabilities(capabilities)
  const client = { principal: 'p', group: 'g', capabilities: [...set] }
  return {
    visitor: {
      shareFor: () => share.client,
      hasAsked: () => true,
      asked: () => [],
      share: share.client,
      principal: 'p',
      principalIn: () => 'p',
      isAnonymous: false,
      isAstray: false,
      basePath: '/s/share',
      revision: '2026-07-28',
      stateKey: STATE_KEY,
    },
    message,
    envelope: {
      revision: '2026-07-28',
      declared: capabilities,
      capabilities: set,
      ...(isLoggingLevel(logLevel) ? { logLevel } : {}),
    },
    request: groupCallRequest(client, message, 'stream'),
    group: 'g',
    stateKey: STATE_KEY,
    headers: new Headers(),
  }
}

/** Texts of the responses that a child was given. */
export function answersToChild(share: ScriptedShare): string[] {
  return share.asked.send.map(([order]) => new TextDecoder().decode((order as AskAnswer).body))
}
