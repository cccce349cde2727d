/** What the API's description says of one of its calls. Types, and the words in which all answers are described. */
import * as v from 'valibot'
import type { ProblemCode } from '../../../protocol/errors.ts'

/** An operation (OpenAPI 3.1, Operation Object), with the schema that validates its body. */
export interface Operation {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** With `{…}` where an id stands. */
  readonly path: `/api/${string}`
  /** One sentence. */
  readonly summary: string
  readonly description?: string
  /** Whose credential it takes. */
  readonly who: 'anyone' | 'owner' | 'deployer'
  readonly query?: Readonly<Record<string, v.GenericSchema>>
  /** Refuses what the call does not take, with a text that names the member. */
  readonly body?: v.GenericSchema
  /** By status. */
  readonly answers: Readonly<Record<number, Answer>>
  /** Beside those that follow from the path, the body and who may call. */
  readonly errors?: readonly ProblemCode[]
}

interface Answer {
  readonly description: string
  /** Absent: it has no body. */
  readonly body?: v.GenericSchema
  /** The body as one JSON text a line (NDJSON), of these, where the query asks for that. */
  readonly lines?: v.GenericSchema
}

/** RFC 3339, in UTC. */
export const time = v.pipe(v.string(), v.isoTimestamp())

/** A count, or an index from 0. */
export const whole = v.pipe(v.number(), v.integer(), v.minValue(0))

/** Of an answer about a link that may only read, where its server marks no tool so; and about what is named as another is. */
export const warning = v.exactOptional(v.string())

/** Lanes, counted from 0, that could not be reached: the answer lacks what they know, or they have yet to hear. */
export const unreachedLanes = v.array(whole)

/** The same of servers that have a lane of their own, by name. */
export const unreachedServers = v.array(v.string())

export const NO_CONTENT: Operation['answers'] = { 204: { description: 'It is done.' } }
