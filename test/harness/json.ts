/** Owns the narrowing of JSON that a test has read. */

export interface JsonObject {
  readonly [key: string]: unknown
}

/** @throws TypeError when the value is no object. */
export function asObject(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`no object: ${JSON.stringify(value)}`)
  }
  return { ...value }
}

/** @throws TypeError when the value is no array. */
export function asArray(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`no array: ${JSON.stringify(value)}`)
  return value
}

/**
 * The text under a key, or `absent` when there is none and it is given.
 *
 * @throws TypeError otherwise.
 */
export function textField(object: JsonObject, key: string, absent?: string): string {
  const value = object[key] ?? absent
  if (typeof value !== 'string') throw new TypeError(`no text under ${key}: ${JSON.stringify(object)}`)
  return value
}

/** The text of a tool result's first content block. */
export function toolText(result: unknown): string {
  return textField(asObject(asArray(asObject(result)['content'])[0]), 'text')
}
