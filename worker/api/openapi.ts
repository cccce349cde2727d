/** `/api/openapi.json`: describes the owner's API (OpenAPI 3.1), made of the schemas that validate its bodies. It tells nothing of the relay that serves it. */
import { type ConversionConfig, toJsonSchemaDefs } from '@valibot/to-json-schema'
import { Hono } from 'hono'
import * as v from 'valibot'
import { ERRORS } from '../../protocol/error-table.ts'
import type { ProblemCode } from '../../protocol/errors.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { problemResponse } from '../problem.ts'
import { APPROVAL_OPERATIONS, APPROVAL_SCHEMAS } from './operations/approvals.ts'
import { CATALOG_OPERATIONS, CATALOG_SCHEMAS } from './operations/catalog.ts'
import { Limits, Policy } from './operations/members.ts'
import type { Operation } from './operations/operation.ts'
import { RELAY_OPERATIONS, RELAY_SCHEMAS } from './operations/relay.ts'
import { PERSON_OPERATIONS, PERSON_SCHEMAS } from './operations/people.ts'
import { SHARE_OPERATIONS, SHARE_SCHEMAS } from './operations/shares.ts'
import { TOKEN_OPERATIONS, TOKEN_SCHEMAS } from './operations/tokens.ts'
import { TOOLS_OPERATIONS, TOOLS_SCHEMAS } from './operations/tools.ts'
import { USAGE_OPERATIONS, USAGE_SCHEMAS } from './operations/usage.ts'

type Json = Readonly<Record<string, unknown>>

const OPERATIONS: Readonly<Record<string, Operation>> = {
  ...RELAY_OPERATIONS,
  ...SHARE_OPERATIONS,
  ...TOKEN_OPERATIONS,
  ...PERSON_OPERATIONS,
  ...USAGE_OPERATIONS,
  ...APPROVAL_OPERATIONS,
  ...TOOLS_OPERATIONS,
  ...CATALOG_OPERATIONS,
}

/** Problem details (RFC 9457), as all errors of the API are. */
const Problem = v.object({ type: v.string(), title: v.string(), status: v.number(), code: v.string(), detail: v.string() })

/** Schemas by the names that they have in the document. */
const SCHEMAS: Readonly<Record<string, v.GenericSchema>> = {
  ...RELAY_SCHEMAS,
  ...SHARE_SCHEMAS,
  ...TOKEN_SCHEMAS,
  ...PERSON_SCHEMAS,
  ...USAGE_SCHEMAS,
  ...APPROVAL_SCHEMAS,
  ...TOOLS_SCHEMAS,
  ...CATALOG_SCHEMAS,
  Policy,
  Limits,
  Problem,
}

const NAMES = new Map(Object.entries(SCHEMAS).map(([name, schema]) => [schema, name]))

const REF = '#/components/schemas/'

/** Of the API as a whole, which is as old as its first release. */
const API_VERSION = '1'

let text: string | undefined

/** `/openapi.json`. Public, as what it says is in the project's documentation. */
export const openapi = new Hono<RouteEnv>()
  .get('/', (c) => {
    text ??= JSON.stringify(apiDocument())
    return c.body(text, 200, { 'content-type': 'application/json', 'cache-control': 'no-cache' })
  })
  .all('/', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'GET' }))

/** The OpenAPI document. */
export function apiDocument(): Json {
  const paths: Record<string, Record<string, Json>> = {}
  for (const [id, operation] of Object.entries(OPERATIONS))
    paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: described(id, operation) }
  return {
    openapi: '3.1.0',
    info: { title: "The owner's API of mcp-edge", version: API_VERSION, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    security: [{ owner: [] }],
    paths,
    components: {
      schemas: toJsonSchemaDefs(SCHEMAS, CONVERSION),
      securitySchemes: { owner: { type: 'http', scheme: 'bearer', description: 'The owner key, or an owner token.' } },
    },
  }
}

function described(id: string, operation: Operation): Json {
  const { path, summary, description, who, query = {}, body, answers } = operation
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
  const inQuery = Object.entries(query).map(([name, schema]) => {
    const words = v.getDescription(schema)
    return { name, in: 'query', ...(words === undefined ? {} : { description: words }), schema: inlined(schema) }
  })
  return {
    operationId: id,
    summary,
    ...(description === undefined ? {} : { description }),
    ...(who === 'anyone' ? { security: [] } : {}),
    ...(inPath.length + inQuery.length === 0 ? {} : { parameters: [...inPath, ...inQuery] }),
    ...(body === undefined ? {} : { requestBody: bodyOf(body) }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)])),
      ...problemsOf(operation),
    },
  }
}

function bodyOf(schema: v.GenericSchema): Json {
  // An empty body is an empty object.
  return { required: !v.safeParse(schema, {}).success, content: { 'application/json': { schema: refTo(schema) } } }
}

function answerOf({ description, body, lines }: Operation['answers'][number]): Json {
  return {
    description,
    ...(body === undefined
      ? {}
      : {
          content: {
            'application/json': { schema: refTo(body) },
            ...(lines === undefined ? {} : { 'application/x-ndjson': { schema: refTo(lines) } }),
          },
        }),
  }
}

/** The errors of a call, by status. */
function problemsOf(operation: Operation): Json {
  const byStatus = new Map<number, ProblemCode[]>()
  for (const code of new Set(codesOf(operation))) byStatus.set(ERRORS[code].http, [...(byStatus.get(ERRORS[code].http) ?? []), code])
  const problem = (codes: readonly ProblemCode[]): Json => ({
    description: codes.map((code) => `${code}: ${ERRORS[code].message}`).join('\n\n'),
    content: {
      'application/problem+json': { schema: { allOf: [refTo(Problem), { type: 'object', properties: { code: { enum: codes } } }] } },
    },
  })
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, problem(codes)]))
}

function codesOf({ method, path, who, body, errors = [] }: Operation): ProblemCode[] {
  return [
    'HOST_REFUSED',
    'ORIGIN_REFUSED',
    'RELAY_MISCONFIGURED',
    'INTERNAL',
    // A claim is what such a relay waits for.
    ...(method === 'POST' && path === '/api/claim' ? [] : (['RELAY_UNCLAIMED'] as const)),
    ...(who === 'anyone' ? [] : (['OWNER_KEY_NEEDED', 'TOO_MANY_TRIES'] as const)),
    ...(who === 'deployer' ? (['INSUFFICIENT_PERMISSIONS'] as const) : []),
    ...(path.includes('{share}') ? (['SHARE_NOT_FOUND'] as const) : []),
    ...(body === undefined ? [] : (['BODY_INVALID', 'UNSUPPORTED_MEDIA_TYPE', 'REQUEST_TOO_LARGE'] as const)),
    ...errors,
  ]
}

function inlined(schema: v.GenericSchema): Json {
  return { ...toJsonSchemaDefs({ schema }, CONVERSION).schema }
}

/** @throws {Error} when the schema has no name: a bug. */
function refTo(schema: v.GenericSchema): Json {
  const name = NAMES.get(schema)
  if (name === undefined) throw new Error('a body of the API is not among its schemas')
  return { $ref: `${REF}${name}` }
}

const CONVERSION: ConversionConfig = {
  target: 'draft-2020-12',
  // What checks of ours say stands in the schema's description, what readers take in the one that they name.
  ignoreActions: ['check', 'raw_transform'],
  overrideAction: ({ valibotAction, jsonSchema }) => {
    const { metadata, requirement } = valibotAction as { readonly metadata?: Json; readonly requirement?: unknown }
    if (typeof metadata?.['described'] === 'string') return { $ref: `${REF}${metadata['described']}` }
    // JSON Schema reads patterns as Unicode (2020-12, Core §6.4), so that a flag need not say it.
    return requirement instanceof RegExp && valibotAction.type === 'regex' ? { ...jsonSchema, pattern: requirement.source } : undefined
  },
  overrideRef: ({ referenceId }) => `${REF}${referenceId}`,
}
