/** Edits the `params` or `result` of a message together with its `_meta`, without writing the rest anew. Pure. */
import { OPEN_OBJECT } from '../../protocol/json/json-skip.ts'
import { type Replacement, splice } from '../../protocol/splice.ts'
import { editObject, findPath, isObjectAt, type ObjectEdit, rootOf, valueStart } from './json-view.ts'
import { objectText } from './object-text.ts'
import { isNullAt, walkObject } from '../../protocol/members/object-members.ts'

/** Bytes of `null`. */
const NULL_BYTES = 4

export interface BodyEdit extends ObjectEdit {
  readonly meta?: ObjectEdit
}

/**
 * The replacements that edit the `params` or `result` of a message. Params that are missing or null are made when something
 * is to be set; a `_meta` that is null, or would be empty, is dropped. A result that is no object is left alone.
 */
export function editBody(body: Uint8Array, container: 'params' | 'result', edit: BodyEdit): Replacement[] {
  const root = rootOf(body)
  const open = valueStart(body, root, container)
  if (container === 'params' && (open === undefined || isNullAt(body, [open, open + NULL_BYTES]))) return makeParams(body, root, edit)
  if (open === undefined || body[open] !== OPEN_OBJECT) return []
  const { meta = {}, drop, set } = edit
  const metaSpan = findPath(body, open, '_meta')
  if (isObjectAt(body, metaSpan)) {
    const isEmptied = meta.set === undefined && !keepsAny(body, metaSpan[0], meta)
    const outer = editObject(body, open, {
      ...(set === undefined ? {} : { set }),
      drop: (key) => drop?.(key) === true || (isEmptied && key === '_meta'),
    })
    return isEmptied ? outer : [...outer, ...editObject(body, metaSpan[0], meta)]
  }
  const isNull = isNullAt(body, metaSpan)
  return editObject(body, open, {
    drop: (key) => drop?.(key) === true || (isNull && key === '_meta'),
    set: { ...set, ...metaText(meta) },
  })
}

/** The same for a body that is whole, as bytes. */
export function applyEdit(body: Uint8Array, container: 'params' | 'result', edit: BodyEdit): Uint8Array {
  return splice(body, editBody(body, container, edit))
}

function makeParams(body: Uint8Array, root: number, { meta = {}, set = {} }: BodyEdit): Replacement[] {
  const members = { ...set, ...metaText(meta) }
  return Object.keys(members).length === 0 ? [] : editObject(body, root, { set: { params: objectText(members) } })
}

function metaText({ set }: ObjectEdit): Record<string, string> {
  return set === undefined ? {} : { _meta: objectText(set) }
}

function keepsAny(body: Uint8Array, open: number, { drop }: ObjectEdit): boolean {
  let keeps = false
  walkObject(body, open, (key) => {
    keeps ||= drop?.(key) !== true
  })
  return keeps
}
