/** Reads the small JSON bodies of the owner's API: at most 16 KiB, and every wrong member is named. */
import * as v from 'valibot'
import { err, ok, type Result } from '../../protocol/result.ts'
import { problemResponse } from '../problem.ts'

/** The API's bodies have a handful of short members. */
const MAX_BODY_BYTES = 16 * 1024

/**
 * What a schema makes of a request's body, or the answer that says what is wrong with it. An empty body is an empty object. `mayBeList`: of a
 * schema that takes lists, and does not take one for an object.
 */
export async function readBody<const Schema extends v.GenericSchema>(
  request: Request,
  schema: Schema,
  { mayBeList = false } = {},
): Promise<Result<v.InferOutput<Schema>, Response>> {
  const bytes = await readCapped(request.body)
  if (bytes === undefined) return err(problemResponse('REQUEST_TOO_LARGE'))
  const mediaType = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (bytes.length > 0 && mediaType !== 'application/json') return err(problemResponse('UNSUPPORTED_MEDIA_TYPE'))
  const read = v.safeParse(schema, bytes.length === 0 ? {} : parse(bytes, mayBeList), { abortPipeEarly: true })
  return read.success ? ok(read.output) : err(problemResponse('BODY_INVALID', faultIn(read.issues)))
}

/** The first fault, in a sentence. A member that is not known comes first: what was meant by it is missing elsewhere. */
function faultIn(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): string {
  const issue = issues.find(isUnknownMember) ?? issues[0]
  const member = v.getDotPath(issue)
  // The readers of policies and limits name what is wrong within them.
  const isWhole = member === null || isUnknownMember(issue) || issue.type === 'raw_transform'
  return isWhole ? `${issue.message}.` : `${member} ${issue.message}.`
}

function isUnknownMember({ type, expected }: v.BaseIssue<unknown>): boolean {
  return type === 'strict_object' && expected === 'never'
}

async function readCapped(body: ReadableStream<Uint8Array> | null): Promise<Uint8Array | undefined> {
  const kept = new Uint8Array(MAX_BODY_BYTES)
  let length = 0
  if (body !== null) {
    for await (const chunk of body) {
      if (length + chunk.length > MAX_BODY_BYTES) return undefined
      kept.set(chunk, length)
      length += chunk.length
    }
  }
  return kept.subarray(0, length)
}

/** Undefined for what is no JSON, and for a list unless it may be one, since schemas of objects would take it for one. */
function parse(bytes: Uint8Array, mayBeList: boolean): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
    return Array.isArray(value) && !mayBeList ? undefined : value
  } catch {
    return undefined
  }
}
