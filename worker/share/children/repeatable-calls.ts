/** Which calls may run twice. They need not wait for an agent that is lost: another one runs them, each on a child of its own. */
import { boundedValueAt } from '../../bridge/json/bounded-value.ts'
import { objectIn } from '../../bridge/names.ts'
import { MAX_ATTACHED_DECLARATION_CHARS } from '../../limits.ts'
import type { GroupChannels } from './group-channels.ts'
import type { CallRequest, RepeatFacts } from '../../contract/share-rpc.ts'
import { type ListClient, listClient } from '../../contract/listings.ts'
import { isObject } from '../../../protocol/json/json-object.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { AgentLink } from '../agents/agent-link.ts'

export function repeatFacts(request: CallRequest): RepeatFacts {
  const { method, tool, runsOnce } = request
  const ofTool = { method, ...(tool === undefined ? {} : { tool }) }
  const client = listClient(request)
  // What a client says of itself has more room than these facts have with a stream: the list of its tools is not looked for then.
  if ('capabilities' in client && (client.declared ?? '').length + (client.clientInfo ?? '').length > MAX_ATTACHED_DECLARATION_CHARS)
    return { principal: client.principal, capabilities: client.capabilities, ...ofTool, runsOnce: true }
  return { ...client, ...ofTool, ...(runsOnce === undefined ? {} : { runsOnce }) }
}

/** Knows the tools that a server has last listed to a client. */
export interface ToolLists {
  /** JSON-RPC answers to tools/list, one for each page; none when none was seen. */
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

/** Requests that only read what one process has, or set what may be set twice: no other agent's is asked for it. */
const READS_OF_PROCESS: ReadonlySet<string> = new Set([
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'tasks/get',
  'tasks/result',
  'tasks/list',
])

export class RepeatableCalls {
  readonly #channels: GroupChannels
  readonly #lists: ToolLists
  readonly #servedSets: Pick<ServedSets, 'mayRun'>

  constructor(channels: GroupChannels, lists: ToolLists, servedSets: Pick<ServedSets, 'mayRun'>) {
    this.#channels = channels
    this.#lists = lists
    this.#servedSets = servedSets
  }

  /**
   * Whether a call may run twice: it only reads, or its tool is annotated as read-only or idempotent (MCP 2025-06-18,
   * ToolAnnotations) and its owner need not be asked. Parses the kept list of tools, so it is for calls whose agent is lost, not for every call.
   */
  mayRepeat(call: RepeatFacts): boolean {
    if (READS.has(call.method) || READS_OF_PROCESS.has(call.method)) return true
    const { method, tool, runsOnce } = call
    return (
      runsOnce !== true &&
      method === 'tools/call' &&
      tool !== undefined &&
      this.#lists.toolsFor(call).some((page) => isHarmless(page, tool))
    )
  }

  /** Another agent for a call whose own is lost or leaving; undefined when the call must wait for its own. */
  otherAgentFor(request: CallRequest): AgentLink | undefined {
    return this.#unlessBound(request, () => this.#channels.chooseLink((link) => this.#servedSets.mayRun(link, request)))
  }

  /** Another agent for a call that would have to wait on its own, which runs as many as it takes; none where what that lists has been judged. */
  agentWithRoomFor(request: CallRequest, own: AgentLink): AgentLink | undefined {
    if (request.isForOwnAgent === true) return undefined
    return this.#unlessBound(request, () => this.#channels.linkWithRoom(own, (link) => this.#servedSets.mayRun(link, request)))
  }

  #unlessBound(request: CallRequest, choose: () => AgentLink | undefined): AgentLink | undefined {
    const isBound = request.delivery === 'session' || READS_OF_PROCESS.has(request.method)
    const other = isBound ? undefined : choose()
    return other !== undefined && this.mayRepeat(request) ? other : undefined
  }

  /** What a call that is sent again says to an agent whose child may have died under it. Nothing is looked up for a first try. */
  marks(request: CallRequest): { readonly repeats?: true } {
    return request.isResend === true && this.mayRepeat(request) ? { repeats: true } : {}
  }

  /** Whether a call whose agent was lost while it ran, or whose child died, can be made again now. */
  canRepeatNow(call: RepeatFacts | undefined): boolean {
    if (call === undefined) return false
    return this.#channels.chooseLink((link) => this.#servedSets.mayRun(link, call)) !== undefined && this.mayRepeat(call)
  }
}

function isHarmless(list: Uint8Array, name: string): boolean {
  // A list is kept up to 1 MiB, of which twenty times as much could become.
  const answer = boundedValueAt(list, [0, list.length])
  const tools = objectIn(answer, 'result')?.['tools']
  const tool: unknown = Array.isArray(tools) ? tools.find((one) => isObject(one) && one['name'] === name) : undefined
  const annotations = isObject(tool) ? objectIn(tool, 'annotations') : undefined
  return annotations?.['readOnlyHint'] === true || annotations?.['idempotentHint'] === true
}
