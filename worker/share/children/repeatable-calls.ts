/** Calls that may run twice need not wait for an agent that is lost: another one runs them, each on a child of its own. */
import { isObject, objectIn } from '../../bridge/names.ts'
import type { GroupChannels } from './group-channels.ts'
import type { CallRequest, RepeatFacts } from '../../contract/rpc.ts'
import type { ListClient } from '../../contract/listings.ts'
import type { AgentLink } from '../agents/links.ts'

export function repeatFacts(request: CallRequest): RepeatFacts {
  const { principal, method, tool } = request
  const client = 'session' in request ? { session: request.session } : { capabilities: request.capabilities }
  return { principal, ...client, method, ...(tool === undefined ? {} : { tool }) }
}

/** Where a server's own list of its tools is found, as it last gave it to the clients of a kind. */
export interface ToolLists {
  /** A JSON-RPC answer to tools/list; undefined when none was seen. */
  toolsFor(client: ListClient): readonly Uint8Array[]
}

/** Requests that only read, whatever the server. */
const READS: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'prompts/get',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'completion/complete',
])

const decoder = new TextDecoder()

export class RepeatableCalls {
  readonly #channels: GroupChannels
  readonly #lists: ToolLists

  constructor(channels: GroupChannels, lists: ToolLists) {
    this.#channels = channels
    this.#lists = lists
  }

  /**
   * Whether it does no harm that a call runs twice: it only reads, or its tool says that it does or that it is idempotent
   * (MCP 2025-06-18, ToolAnnotations). Reads the kept list of tools, so that it is asked only when an agent is lost.
   */
  mayRepeat(call: RepeatFacts): boolean {
    if (READS.has(call.method)) return true
    const { method, tool } = call
    return method === 'tools/call' && tool !== undefined && this.#lists.toolsFor(call).some((page) => isHarmless(page, tool))
  }

  /** The agent that runs a call now, while the one of its clients is lost or leaving; undefined where that must be waited for. */
  otherAgentFor(request: CallRequest): AgentLink | undefined {
    const other = request.delivery === 'session' ? undefined : this.#channels.chooseLink()
    return other !== undefined && this.mayRepeat(request) ? other : undefined
  }

  /** The same for a call whose agent was lost under it. */
  canRepeatNow(call: RepeatFacts | undefined): boolean {
    return call !== undefined && this.#channels.chooseLink() !== undefined && this.mayRepeat(call)
  }
}

function isHarmless(list: Uint8Array, name: string): boolean {
  const answer: unknown = JSON.parse(decoder.decode(list))
  const tools = isObject(answer) ? objectIn(answer, 'result')?.['tools'] : undefined
  const tool: unknown = Array.isArray(tools) ? tools.find((one) => isObject(one) && one['name'] === name) : undefined
  const annotations = isObject(tool) ? objectIn(tool, 'annotations') : undefined
  return annotations?.['readOnlyHint'] === true || annotations?.['idempotentHint'] === true
}
