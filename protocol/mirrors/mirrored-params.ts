/** Which arguments of a tool its `Mcp-Param-*` headers mirror, as its inputSchema says (MCP 2026-07-28, Streamable HTTP, custom headers). Pure. */
import { isObject, type JsonObject } from '../json/json-object.ts'
import { err, ok, type Result } from '../result.ts'

const ANNOTATION = 'x-mcp-header'

/** An argument that a header mirrors. */
export interface MirroredParam {
  /** The part of the header's name behind `Mcp-Param-`. */
  readonly name: string
  /** Keys from the arguments down to the value. */
  readonly path: readonly string[]
}

/** Why a tool's annotations are invalid. Clients hide such a tool, so its calls carry no headers that could be checked. */
export type AnnotationFault = 'misplaced' | 'not_a_token' | 'not_primitive' | 'duplicate'

/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PRIMITIVES: readonly unknown[] = ['string', 'integer', 'boolean']

/** Keywords whose value is a schema, or an array of them: an annotation below is misplaced. */
const SCHEMA_KEYWORDS = [
  'items',
  'prefixItems',
  'contains',
  'additionalItems',
  'additionalProperties',
  'unevaluatedProperties',
  'unevaluatedItems',
  'propertyNames',
  'oneOf',
  'anyOf',
  'allOf',
  'not',
  'if',
  'then',
  'else',
]
/** Keywords whose value maps names to schemas, other than `properties`. */
const MAP_KEYWORDS = ['patternProperties', 'dependentSchemas', 'dependencies', '$defs', 'definitions']

interface Place {
  readonly schema: JsonObject
  /** Undefined where the chain from the root is not of `properties` alone. */
  readonly path: readonly string[] | undefined
}

/** The arguments that a tool's inputSchema wants mirrored, or what is wrong with its annotations. */
export function readMirroredParams(inputSchema: unknown): Result<readonly MirroredParam[], AnnotationFault> {
  const params: MirroredParam[] = []
  const names = new Set<string>()
  // A list instead of recursion: a schema may be nested as deep as its author likes.
  const places: Place[] = isObject(inputSchema) ? [{ schema: inputSchema, path: [] }] : []
  for (let place = places.pop(); place !== undefined; place = places.pop()) {
    const { schema, path } = place
    places.push(...placesBelow(schema, path))
    if (!Object.hasOwn(schema, ANNOTATION)) continue
    const name = schema[ANNOTATION]
    if (path === undefined || path.length === 0) return err('misplaced')
    if (typeof name !== 'string' || !TOKEN.test(name)) return err('not_a_token')
    if (!PRIMITIVES.includes(schema['type'])) return err('not_primitive')
    if (names.has(name.toLowerCase())) return err('duplicate')
    names.add(name.toLowerCase())
    params.push({ name, path })
  }
  return ok(params)
}

function placesBelow(schema: JsonObject, path: readonly string[] | undefined): Place[] {
  const below: Place[] = []
  const put = (value: unknown, at: readonly string[] | undefined): void => {
    if (isObject(value)) below.push({ schema: value, path: at })
  }
  const { properties } = schema
  if (isObject(properties))
    for (const [key, value] of Object.entries(properties)) put(value, path === undefined ? undefined : [...path, key])
  for (const keyword of SCHEMA_KEYWORDS) {
    const value = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined
    for (const inner of Array.isArray(value) ? value : [value]) put(inner, undefined)
  }
  for (const keyword of MAP_KEYWORDS) {
    const value = Object.hasOwn(schema, keyword) ? schema[keyword] : undefined
    if (isObject(value)) for (const inner of Object.values(value)) put(inner, undefined)
  }
  return below
}
