/** The facts of an error, and the JSON-RPC error response that tells of them. Pure. */
import { ERRORS } from './error-table.ts'

/** A code that may answer a JSON-RPC request. */
export type ErrorCode = { [Code in ProblemCode]: (typeof ERRORS)[Code] extends { readonly rpc: number } ? Code : never }[ProblemCode]

/** Any code of the table: the API and the agents' door have some of their own. */
export type ProblemCode = keyof typeof ERRORS

/** Whether a failed call had run: proved not to, proved to, or not known. */
export type Executed = 'no' | 'yes' | 'unknown'

/** An error of the table, and facts that are safe to show to a client. */
export interface Failure {
  readonly code: ErrorCode
  readonly executed?: Executed
  readonly exitCode?: number | null
  readonly signal?: string | null
  /** Last lines the server wrote to stderr, secrets masked: only where its owner has them told (--tell-stderr). */
  readonly stderr?: string
  /** The header, key or field at fault. */
  readonly at?: string
  /** What went wrong in particular, when the table's text is not enough. */
  readonly detail?: string
  readonly retryAfterMs?: number
  /** What the response's WWW-Authenticate header says; in no body. */
  readonly challenge?: string
  /** Revisions that would do, and the one that was asked for. */
  readonly supported?: readonly string[]
  readonly requested?: string
  /** A ClientCapabilities object. */
  readonly requiredCapabilities?: Readonly<Record<string, unknown>>
}

/** Whether the server itself refuses a client, for which it is to sign in there, or may not do this. */
export function isServerRefusal(code: ProblemCode | undefined): code is 'SERVER_SIGN_IN' | 'SERVER_FORBIDDEN' {
  return code === 'SERVER_SIGN_IN' || code === 'SERVER_FORBIDDEN'
}

export function isErrorCode(text: unknown): text is ErrorCode {
  return typeof text === 'string' && Object.hasOwn(ERRORS, text) && 'rpc' in ERRORS[text as ProblemCode]
}

/** The text of a failure for people: what the table says, and in parentheses what was wrong in particular. */
export function failureText({ code, at, detail }: Pick<Failure, 'code' | 'at' | 'detail'>): string {
  const particulars = [at, detail].filter((part) => part !== undefined)
  return particulars.length === 0 ? ERRORS[code].message : `${ERRORS[code].message} (${particulars.join(': ')})`
}

/**
 * The JSON-RPC error response for a failure, as text. `rawId` is the request's id exactly as it was sent, or `null`.
 * `error.data` has `code`, `retryable` (false where the call has run, or may have) and the failure's facts, and nothing else that the object may carry: a `failed`
 * frame is a failure too, and its key and return address are not the client's to see.
 */
export function errorResponse(rawId: string, failure: Failure): string {
  const { code, executed, exitCode, signal, stderr, at, detail, retryAfterMs, supported, requested, requiredCapabilities } = failure
  const { rpc, retryable: isRetryable } = ERRORS[code]
  // What may have run must not be repeated by a program that looks at nothing else, unless we have named a time for it.
  const retryable = isRetryable && (executed === undefined || executed === 'no' || retryAfterMs !== undefined)
  const facts = { executed, exitCode, signal, stderr, at, detail, retryAfterMs, supported, requested, requiredCapabilities }
  const error = { code: rpc, message: failureText(failure), data: { code, ...facts, retryable } }
  return `{"jsonrpc":"2.0","id":${rawId},"error":${JSON.stringify(error)}}`
}
