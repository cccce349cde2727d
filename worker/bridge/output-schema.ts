/** Wraps output schemas and structured content of a modern server that are no objects, for revisions in which they must be (SEP-2106). Pure. */
import type { Span } from '../../protocol/json/json-scan.ts'
import { OPEN_ARRAY, OPEN_OBJECT } from '../../protocol/json/json-skip.ts'
import { type Replacement, replacement, splice } from '../../protocol/splice.ts'
import { isTooManifold } from './json/bounded-value.ts'
import { findPath, isObjectAt, textAt, valueAt } from './json-view.ts'
import { readElements } from '../../protocol/json/array-elements.ts'
import { walkObject } from '../../protocol/members/object-members.ts'

/** Where a schema or a content that is no object is put. */
const WRAPPER = 'result'

/** Keywords whose values are data, in which `$ref` is a word like any other. */
const DATA_KEYWORDS: readonly string[] = ['const', 'enum', 'default', 'examples']
/** Keywords whose values map names of the author's choice to schemas. */
const NAME_MAPS: readonly string[] = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'dependencies']

/** References in schemas nested deeper than this stay as they are. */
const MAX_SCHEMA_DEPTH = 64

/** Whether a tool with this output schema has its structured content wrapped for legacy clients. */
export function isWrappedSchema(outputSchema: unknown): boolean {
  return typeof outputSchema === 'object' && outputSchema !== null && (outputSchema as { readonly type?: unknown }).type !== 'object'
}

/** Wraps the output schema of each tool of a tools/list result that starts at `resultOpen`, unless it is of an object. */
export function outputSchemaEdits(body: Uint8Array, resultOpen: number): Replacement[] {
  const tools = findPath(body, resultOpen, 'tools')
  if (tools === undefined) return []
  return readElements(body, tools[0]).elements.flatMap((tool) => {
    const schema = isObjectAt(body, tool) ? findPath(body, tool[0], 'outputSchema') : undefined
    if (!isObjectAt(body, schema) || !isWrappedSchema(valueAt(body, schema))) return []
    return [replacement(schema, wrapSchema(body, schema))]
  })
}

/**
 * Wraps the structured content of a tools/call result that starts at `resultOpen`: always when it is no object, and when
 * the tool's listed schema was wrapped. Without a text for clients that read no structure, its JSON becomes one.
 */
export function structuredContentEdits(body: Uint8Array, resultOpen: number, isSchemaWrapped: boolean): Replacement[] {
  const content = findPath(body, resultOpen, 'structuredContent')
  if (content === undefined) return []
  const isObject = isObjectAt(body, content)
  if (isObject && !isSchemaWrapped) return []
  const text = textAt(body, content)
  const wrap = replacement(content, `{"${WRAPPER}":${text}}`)
  return isObject ? [wrap] : [wrap, ...fallbackText(body, resultOpen, text)]
}

function fallbackText(body: Uint8Array, resultOpen: number, text: string): Replacement[] {
  const list = findPath(body, resultOpen, 'content')
  // A text among so many blocks is not looked for.
  if (list === undefined || body[list[0]] !== OPEN_ARRAY || isTooManifold(body, list)) return []
  const blocks = readElements(body, list[0]).elements
  const hasText = blocks.some((block) => isObjectAt(body, block) && valueAt(body, findPath(body, block[0], 'type')) === 'text')
  if (hasText) return []
  const block = JSON.stringify({ type: 'text', text })
  return [replacement([list[0], list[0] + 1], blocks.length === 0 ? `[${block}` : `[${block},`)]
}

function wrapSchema(body: Uint8Array, schema: Span): string {
  const dialect = findPath(body, schema[0], '$schema')
  // A dialect is declared at a document's root only, where validators look for it.
  const prefix = dialect === undefined ? '' : `"$schema":${textAt(body, dialect)},`
  const moved = splice(body.subarray(schema[0], schema[1]), hasOwnBase(body, schema[0]) ? [] : referenceEdits(body, schema), schema[0])
  return `{${prefix}"type":"object","properties":{"${WRAPPER}":${textAt(moved, [0, moved.length])}},"required":["${WRAPPER}"]}`
}

/** Makes pointers into the document pointers into the wrapper. A fragment that names an anchor holds wherever the anchor stands. */
function referenceEdits(body: Uint8Array, schema: Span): Replacement[] {
  const edits: Replacement[] = []
  const visit = (span: Span, isNameMap: boolean, depth: number): void => {
    if (depth > MAX_SCHEMA_DEPTH) return
    if (body[span[0]] === OPEN_ARRAY) for (const element of readElements(body, span[0]).elements) visit(element, false, depth + 1)
    if (body[span[0]] !== OPEN_OBJECT || (!isNameMap && depth > 0 && hasOwnBase(body, span[0]))) return
    walkObject(body, span[0], (key, value) => {
      if (isNameMap) visit(value, false, depth + 1)
      else if (key === '$ref' || key === '$dynamicRef') edits.push(...pointerEdit(body, value))
      else if (!DATA_KEYWORDS.includes(key)) visit(value, NAME_MAPS.includes(key), depth + 1)
    })
  }
  visit(schema, false, 0)
  return edits
}

function pointerEdit(body: Uint8Array, span: Span): Replacement[] {
  const pointer = valueAt(body, span)
  if (typeof pointer !== 'string' || (pointer !== '#' && !pointer.startsWith('#/'))) return []
  return [replacement(span, JSON.stringify(`#/properties/${WRAPPER}${pointer.slice(1)}`))]
}

/** Whether a schema has an `$id` by which references below it are resolved. One that is a fragment is a mere anchor (draft-07). */
function hasOwnBase(body: Uint8Array, open: number): boolean {
  const id = valueAt(body, findPath(body, open, '$id'))
  return id !== undefined && !(typeof id === 'string' && id.startsWith('#'))
}
