/** Translates the answers of a server of revision 2026-07-28 for a session's client. */
import type { Answer } from '../../../protocol/frame.ts'
import { replacement, splice } from '../../../protocol/splice.ts'
import { declaresExtensions } from '../../bridge/capabilities.ts'
import { begunTask } from '../../bridge/tasks.ts'
import { envelopeMembers } from '../../bridge/discover.ts'
import { isTooManifold } from '../../bridge/json/bounded-value.ts'
import { findPath, isObjectAt, rootOf, valueAt } from '../../bridge/json-view.ts'
import { legacyResultEdits, resultKind, toLegacyError } from '../../bridge/legacy-to-modern.ts'
import { errorResponse } from '../../../protocol/errors.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { learnWrappedTools, type ModernServer, wrappedTools } from './known-modern-servers.ts'
import { RESTARTED_KEY } from '../response/restarted.ts'
import { listSessionTools } from './list-tools.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import { type Item, responseItem } from '../call/item.ts'
import { isObject } from '../../../protocol/json/json-object.ts'

/** An answer that has come whole. */
export interface WholeItem extends Extract<Item, { readonly kind: 'frame' }> {
  readonly header: Answer
}

/** The request that is answered. */
export interface AnsweredCall {
  readonly rawId: string
  readonly method: string
  /** Of tools/call. */
  readonly tool?: string
  /** Of a list: it is not the first page. */
  readonly isContinued: boolean
}

const decoder = new TextDecoder()

export class SessionAnswers {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #call: AnsweredCall
  readonly #server: () => Promise<ModernServer | undefined>

  /** `server`: what is known of the child, for answers that cannot be translated without. */
  constructor(share: ShareClient, caller: Caller, call: AnsweredCall, server: () => Promise<ModernServer | undefined>) {
    this.#share = share
    this.#caller = caller
    this.#call = call
    this.#server = server
  }

  async translate(item: WholeItem): Promise<Item> {
    const { header, body, restarted } = item
    const { method, rawId } = this.#call
    if (header.failed) {
      const error = toLegacyError(body, method)
      return error === body ? item : responseItem(decoder.decode(toLegacyError(splice(body, [replacement(header.id, rawId)]), method)))
    }
    const keepsType = resultKind(body) === 'other'
    if (keepsType && (begunTask(body) !== undefined || !(await this.#knowsExtensions())))
      return responseItem(errorResponse(rawId, { code: 'RESULT_UNMAPPABLE', at: 'resultType' }))
    if (method === 'tools/list') {
      // Each tool becomes a value, and an edit.
      if (isTooManifold(body, [0, body.length])) return responseItem(errorResponse(rawId, { code: 'ANSWER_TOO_LARGE' }))
      await this.#noteTools(body)
    }
    const isSchemaWrapped = method === 'tools/call' && (await this.#isWrapped(body))
    const marks = restarted ? { marks: { [RESTARTED_KEY]: 'true' } } : {}
    return { ...item, restarted: false, edits: legacyResultEdits(body, { method, isSchemaWrapped, keepsType, ...marks }) }
  }

  /** Whether its client has declared extensions, one of which the result may be of. */
  async #knowsExtensions(): Promise<boolean> {
    const server = await this.#server()
    return server !== undefined && declaresExtensions(server.client.capabilities)
  }

  /** A list in one page tells what later calls need to know. */
  async #noteTools(answer: Uint8Array): Promise<void> {
    const page = valueAt(answer, findPath(answer, rootOf(answer), 'result'))
    if (!isObject(page) || this.#call.isContinued || typeof page['nextCursor'] === 'string') return
    const server = await this.#server()
    if (server !== undefined) server.wrappedTools = new Set(wrappedTools(page))
  }

  /** Whether the tool's schema was wrapped, which matters only to content that would not be wrapped without it. */
  async #isWrapped(answer: Uint8Array): Promise<boolean> {
    const content = findPath(answer, rootOf(answer), 'result', 'structuredContent')
    const { tool } = this.#call
    if (tool === undefined || !isObjectAt(answer, content)) return false
    const server = await this.#server()
    if (server === undefined) return false
    const known = server.wrappedTools ?? (await learnWrappedTools(server, (cursor) => this.#listTools(server, cursor)))
    return known.has(tool)
  }

  #listTools({ client, version }: ModernServer, cursor: string | undefined): ReturnType<typeof listSessionTools> {
    return listSessionTools(this.#share, this.#caller, envelopeMembers(client, false, undefined), version, cursor)
  }
}
