/** The description of the owner's API, in the real runtime: it has every call of the app and no other, and is served to everybody. */
import { describe, expect, test } from 'vitest'
import { ERRORS } from '../../../protocol/error-table.ts'
import type { ProblemCode } from '../../../protocol/errors.ts'
import app from '../../../worker/index.ts'
import { verifies } from '../../requirements/verifies.ts'
import { document, expectDescribed, faultsOf } from '../harness/api-document.ts'
import { fetchRelay, ownerKey } from '../harness/relay.ts'

interface ProblemSchema {
  readonly allOf: readonly { readonly properties?: { readonly code: { readonly enum: readonly ProblemCode[] } } }[]
}

const PROBLEM = { type: 't', title: 't', status: 404, code: 'SHARE_NOT_FOUND', detail: 'd' }

test('/api/openapi.json has every route of the API, and none that it does not have', () => {
  verifies('promise.9.described')
  const routes = app.routes
    .filter(({ method, path }) => path.startsWith('/api/') && method !== 'ALL')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const described = Object.entries(document.paths).flatMap(([path, calls]) =>
    Object.keys(calls).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(new Set(described)).toEqual(new Set(routes))
  expect(described.length).toBe(new Set(routes).size)
})

test('/api/openapi.json is served to everybody as it is', async () => {
  await ownerKey()
  const response = await fetchRelay('/api/openapi.json')
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
  expect(await response.json()).toEqual(JSON.parse(JSON.stringify(document)))
})

test('every reference of the description leads to one of its schemas, and each schema is used', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)].map(([, reference]) => reference)
  const schemas = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`)
  expect(new Set(references)).toEqual(new Set(schemas))
})

test('every call names its errors by codes of the table, with their statuses', () => {
  const responses = Object.values(document.paths).flatMap((calls) => Object.values(calls).flatMap((call) => Object.entries(call.responses)))
  const told = responses.flatMap(([status, { content }]) => {
    const schema = content?.['application/problem+json']?.schema as ProblemSchema | undefined
    return (schema?.allOf.flatMap(({ properties }) => properties?.code.enum ?? []) ?? []).map((code) => [code, Number(status)] as const)
  })
  expect(told.length).toBeGreaterThan(100)
  expect(told.filter(([code, status]) => ERRORS[code].http !== status)).toEqual([])
})

describe('what the tests hold answers against', () => {
  const answer = (status: number, body: object | null, type = 'application/problem+json'): Response =>
    new Response(JSON.stringify(body), { status, headers: { 'content-type': type } })

  test('takes an answer that is described, and any of a call that is not', async () => {
    await expectDescribed('GET', '/api/shares/x', answer(404, PROBLEM))
    await expectDescribed('PUT', '/api/shares/x', answer(405, { code: 'METHOD_NOT_ALLOWED' }))
  })

  test.each([
    ['a status', answer(410, { ...PROBLEM, code: 'SHARE_EXPIRED', status: 410 })],
    ['a code', answer(404, { ...PROBLEM, code: 'TOKEN_NOT_FOUND' })],
    ['a media type', answer(404, PROBLEM, 'application/json')],
    ['a member', answer(404, { ...PROBLEM, more: 1 })],
  ])('refuses %s that is not described', async (_what, response) => {
    await expect(expectDescribed('GET', '/api/shares/x', response)).rejects.toThrow(/./)
  })

  test('refuses what lacks a member, or has one of another kind', () => {
    const schema = { $ref: '#/components/schemas/Owner' }
    const owner = { id: 'x', name: 'x', created_at: '2026-11-29T14:00:00.000Z', expires_at: '2026-11-29T14:00:00.000Z' }
    expect(faultsOf(schema, owner)).toEqual([])
    for (const wrong of [
      { ...owner, id: undefined },
      { ...owner, name: 1 },
      { ...owner, created_at: 'yesterday' },
    ])
      expect(faultsOf(schema, JSON.parse(JSON.stringify(wrong)))).not.toEqual([])
  })
})
