import { expect, test } from 'vitest'
import { problemResponse } from '../../../worker/problem.ts'

test('problemResponse() is RFC 9457 and says what happened, what in particular, and what to do next', async () => {
  const response = problemResponse('BODY_INVALID', 'name must be a text.')
  expect(response.status).toBe(400)
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  expect(await response.json()).toEqual({
    type: 'urn:mcp-edge:problem:BODY_INVALID',
    title: 'The body is not what this call takes.',
    status: 400,
    code: 'BODY_INVALID',
    detail: 'name must be a text. Send a JSON object with the documented members.',
  })
})

test('problemResponse() is never kept by a cache, and carries the headers it was given', () => {
  const { headers } = problemResponse('OWNER_KEY_NEEDED', undefined, { 'www-authenticate': 'Bearer' })
  expect([headers.get('cache-control'), headers.get('www-authenticate')]).toEqual(['no-store', 'Bearer'])
})
