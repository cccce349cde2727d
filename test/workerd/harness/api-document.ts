/** Holds what the owner's API answers in tests against its own description. */
import { Validator } from '@cfworker/json-schema'
import { expect } from 'vitest'
import { apiDocument } from '../../../worker/api/openapi.ts'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DescribedCall>>>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}

interface DescribedCall {
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, { readonly schema: object }>> }>>
}

export const document = apiDocument() as unknown as Document

/** A member that the description does not name is one too many, here: clients are to ignore it. */
const closed = Object.fromEntries(Object.entries(document.components.schemas).map(([name, schema]) => [name, close(schema)]))

const calls = Object.entries(document.paths).flatMap(([path, methods]) => {
  const pattern = new RegExp(`^${path.replaceAll('.', String.raw`\.`).replaceAll(/\{\w+\}/g, '[^/]+')}$`)
  return Object.entries(methods).map(([method, call]) => ({ method, pattern, call }))
})

/** What the description says against this answer; a call that it does not have is none of its own. */
export async function expectDescribed(method: string, path: string, response: Response): Promise<void> {
  const [pathname = ''] = path.split('?')
  const call = calls.find((known) => known.method === method.toLowerCase() && known.pattern.test(pathname))?.call
  if (call === undefined) return
  const where = `${method} ${pathname} ${response.status}`
  const described = call.responses[response.status]
  if (described === undefined) throw new Error(`${where} is not described: ${await response.clone().text()}`)
  const type = response.headers.get('content-type') ?? undefined
  const schema = type === undefined ? undefined : described.content?.[type]?.schema
  expect(schema === undefined, `${where} ${type}`).toBe(type === undefined)
  // A stream is its reader's.
  if (schema === undefined || type === 'application/x-ndjson') return
  expect(faultsOf(schema, JSON.parse(await response.clone().text())), where).toEqual([])
}

/** Why a value is not of a schema of the description. */
export function faultsOf(schema: object, value: unknown): string[] {
  const { errors } = new Validator({ ...schema, components: { schemas: closed } }, '2020-12', false).validate(value)
  return errors.map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`)
}

function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close)
  if (typeof schema !== 'object' || schema === null) return schema
  const members = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, close(value)]))
  return 'properties' in members ? { additionalProperties: false, ...members } : members
}
