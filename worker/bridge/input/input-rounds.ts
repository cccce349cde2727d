/** Words what a modern child asks with `input_required` as requests to a legacy client, and puts the answers into the retry (MCP 2026-07-28, basic/patterns/mrtr). Pure. */
import type { Span } from '../../../protocol/json/json-scan.ts'
import { splice } from '../../../protocol/splice.ts'
import { err, ok, type Result } from '../../../protocol/result.ts'
import { applyEdit } from '../body-edit.ts'
import { type Capability, type CapabilitySet, lacking, neededFor } from '../capabilities.ts'
import { isTooManifold } from '../json/bounded-value.ts'
import { editObject, findPath, isObjectAt, rootOf, textAt, valueAt } from '../json-view.ts'
import { objectText } from '../object-text.ts'
import { errorResponse, type Failure, failureText } from '../../../protocol/errors.ts'
import { isNullAt, walkObject } from '../../../protocol/members/object-members.ts'
import { isObject } from '../../../protocol/json/json-object.ts'

/** Rounds of one call: what the official SDK grants its own servers. */
export const MAX_INPUT_ROUNDS = 8

/** Entries of one round: each is a request in front of a human. */
export const MAX_ROUND_REQUESTS = 32

/** One thing a modern child wants to know. */
export interface WantedInput {
  readonly key: string
  readonly method: string
  /** JSON text; undefined for a request without params. */
  readonly params?: string
  readonly isUrl: boolean
  readonly needed: readonly Capability[]
}

export interface InputRound {
  readonly wanted: readonly WantedInput[]
  /** JSON text, to be echoed as it is. */
  readonly requestState?: string
}

/**
 * Reads the `round`th `input_required` answer of a call, from 1 on. Errors: one that asks for nothing and has no state, one
 * that asks for what nobody can be asked (`isExtended`: as for `neededFor`), more than MAX_ROUND_REQUESTS entries, and a round beyond MAX_INPUT_ROUNDS.
 */
export function readInputRound(answer: Uint8Array, round: number, isExtended = false): Result<InputRound, Failure> {
  if (round > MAX_INPUT_ROUNDS) return err({ code: 'TOO_MANY_ROUNDS', detail: `${MAX_INPUT_ROUNDS} rounds` })
  const root = rootOf(answer)
  const requests = findPath(answer, root, 'result', 'inputRequests')
  const stateSpan = findPath(answer, root, 'result', 'requestState')
  const state = isNullAt(answer, stateSpan) ? undefined : stateSpan
  if (isTooManifold(answer, requests)) return err({ code: 'ANSWER_TOO_LARGE', at: 'inputRequests' })
  const entries: [key: string, value: Span][] = []
  if (isObjectAt(answer, requests)) walkObject(answer, requests[0], (key, value) => entries.push([key, value]))
  if (entries.length === 0 && state === undefined) return err({ code: 'RESULT_UNMAPPABLE', at: 'inputRequests' })
  if (entries.length > MAX_ROUND_REQUESTS) return err({ code: 'TOO_MANY_ROUNDS', at: 'inputRequests' })
  const wanted: WantedInput[] = []
  for (const [key, span] of entries) {
    const input = readWanted(answer, key, span, isExtended)
    if (input === undefined) return err({ code: 'RESULT_UNMAPPABLE', at: `inputRequests.${key}` })
    wanted.push(input)
  }
  return ok({ wanted, ...(state === undefined ? {} : { requestState: textAt(answer, state) }) })
}

function readWanted(answer: Uint8Array, key: string, span: Span, isExtended: boolean): WantedInput | undefined {
  const value = valueAt(answer, span)
  if (!isObject(value) || typeof value['method'] !== 'string') return undefined
  const { method } = value
  const params = value['params'] ?? {}
  const needed = isObject(params) ? neededFor(method, params, isExtended) : undefined
  if (needed === undefined || !isObject(params)) return undefined
  const place = findPath(answer, span[0], 'params')
  return { key, method, needed, isUrl: params['mode'] === 'url', ...(isObjectAt(answer, place) ? { params: textAt(answer, place) } : {}) }
}

/** What a client lacks for a round; it can be played only when that is nothing. */
export function lackingFor({ wanted }: InputRound, capabilities: CapabilitySet): Capability[] {
  return [...new Set(wanted.flatMap(({ needed }) => lacking(capabilities, needed)))]
}

/**
 * The request that asks a legacy client. `rawId` is an id of ours; `elicitationId` names a URL elicitation, which only
 * the legacy era gives a name (2025-11-25, client/elicitation).
 */
export function serverRequest({ method, params, isUrl }: WantedInput, rawId: string, elicitationId: string, revision: string): string {
  const head = `{"jsonrpc":"2.0","id":${rawId},"method":${JSON.stringify(method)}`
  if (params === undefined) return `${head}}`
  if (method !== 'elicitation/create') return `${head},"params":${params}}`
  if (isUrl) return `${head},"params":${edited(params, { set: { elicitationId: JSON.stringify(elicitationId) } })}}`
  // Forms had no mode before there was another.
  const isModeless = revision < '2025-11-25'
  return `${head},"params":${isModeless ? edited(params, { drop: (key) => key === 'mode' }) : params}}`
}

function edited(object: string, edit: Parameters<typeof editObject>[2]): string {
  const bytes = new TextEncoder().encode(object)
  return new TextDecoder().decode(splice(bytes, editObject(bytes, rootOf(bytes), edit)))
}

/** What a legacy client answered to a request of ours: the text of its result, or undefined for an error. */
export function readClientAnswer(response: Uint8Array): string | undefined {
  const result = findPath(response, rootOf(response), 'result')
  return isObjectAt(response, result) ? textAt(response, result) : undefined
}

/**
 * The retry of a call: `request` is the modern request as it was sent, `answers` are JSON texts by key. The caller puts
 * in a new id, and a new progress token when there is one.
 */
export function retryRequest(request: Uint8Array, { requestState }: InputRound, answers: ReadonlyMap<string, string>): Uint8Array {
  return applyEdit(request, 'params', {
    drop: (key) => key === 'inputResponses' || key === 'requestState',
    set: {
      ...(answers.size === 0 ? {} : { inputResponses: objectText(answers) }),
      ...(requestState === undefined ? {} : { requestState }),
    },
  })
}

/**
 * The answer to a call whose input cannot be had, as JSON-RPC text. A model can read a tool's failure and do without, so
 * tools/call gets a result with isError; all else gets the error (MCP 2025-11-25, server/tools, error handling).
 */
export function inputFailure(rawId: string, method: string, failure: Failure): string {
  if (method !== 'tools/call') return errorResponse(rawId, failure)
  const result = { content: [{ type: 'text', text: failureText(failure) }], isError: true }
  return `{"jsonrpc":"2.0","id":${rawId},"result":${JSON.stringify(result)}}`
}
