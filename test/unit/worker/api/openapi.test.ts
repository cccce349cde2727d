/** What the API's description says of bodies, against the schemas and readers that take them. */
import { Validator } from '@cfworker/json-schema'
import fc from 'fast-check'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { ACCESSES, readPolicy } from '../../../../protocol/policy/policy.ts'
import { readRateLimits } from '../../../../protocol/policy/rate-limits.ts'
import { apiDocument } from '../../../../worker/api/openapi.ts'
import { NewOwner } from '../../../../worker/api/operations/relay.ts'
import { NewPerson } from '../../../../worker/api/operations/people.ts'
import { NewShare, ShareChange } from '../../../../worker/api/operations/shares.ts'
import { NewToken, TokenChange } from '../../../../worker/api/operations/tokens.ts'

const { components } = apiDocument() as { readonly components: object }

function isDescribed(name: string, value: unknown): boolean {
  return new Validator({ $ref: `#/components/schemas/${name}`, components }, '2020-12').validate(value).valid
}

const patterns = fc.array(fc.constantFrom('read_*', '*', 'x'), { maxLength: 3 })
const nameRule = fc.record({ allow: patterns, deny: patterns }, { requiredKeys: [] })
const policy = fc.record(
  {
    access: fc.constantFrom(...ACCESSES, 'none'),
    tools: nameRule,
    prompts: nameRule,
    resources: fc.oneof(nameRule, fc.constant({ allowed: [] })),
    arguments: fc.array(fc.constantFrom('read(path^=/a)', 'x(a=b, c=d)', 'x', 7), { maxLength: 2 }),
  },
  { requiredKeys: [] },
)
const unit = fc.constantFrom('second', 'minute', 'hour', 'day', 'week')
const rate = fc.tuple(fc.nat(2_000_000), fc.constantFrom('', 'MB', 'GiB'), unit).map(([n, size, per]) => `${n}${size}/${per}`)
const limits = fc.record(
  { calls: rate, bytes: rate, seconds: rate, concurrent: fc.oneof(fc.nat(1001), fc.constant(1.5)) },
  { requiredKeys: [] },
)

test('the description takes every policy that its reader takes', () => {
  fc.assert(fc.property(policy, (value) => !readPolicy(value).ok || isDescribed('Policy', value)))
})

test('the description takes all limits that their reader takes', () => {
  fc.assert(fc.property(limits, (value) => !readRateLimits(value).ok || isDescribed('Limits', value)))
})

test.each([
  ['Policy', { access: 'none' }],
  ['Policy', { tools: ['x'] }],
  ['Policy', { arguments: 'x' }],
  ['Limits', { calls: 10 }],
  ['Limits', { calls: '10MB/day' }],
  ['Limits', { bytes: '10/week' }],
  ['Limits', { concurrent: 0 }],
])('the description of %s refuses %j as its reader does', (name, value) => {
  expect([isDescribed(name, value), readPolicy(value).ok, readRateLimits(value).ok]).toEqual([false, false, false])
})

test.each<[string, v.GenericSchema, object]>([
  ['NewShare', NewShare, {}],
  ['NewShare', NewShare, { name: 'docs', expires_in: 60, lanes: 4, location: 'weur', jurisdiction: 'eu', limits: { concurrent: 4 } }],
  ['NewShare', NewShare, { lanes: 3 }],
  ['NewShare', NewShare, { name: '' }],
  ['NewShare', NewShare, { name: 'a\nb' }],
  ['NewShare', NewShare, { expires_in: 1.5 }],
  ['NewShare', NewShare, { more: 1 }],
  ['ShareChange', ShareChange, { paused: true, policy: { access: 'read' } }],
  ['ShareChange', ShareChange, { paused: 1 }],
  ['ShareChange', ShareChange, { policy: { access: 'none' } }],
  ['NewToken', NewToken, { kind: 'client', policy: {} }],
  ['NewToken', NewToken, {}],
  ['NewToken', NewToken, { kind: 'owner' }],
  ['TokenChange', TokenChange, { limits: { calls: '1/day' } }],
  ['TokenChange', TokenChange, { kind: 'key' }],
  ['NewOwner', NewOwner, { name: 'Ann' }],
  ['NewOwner', NewOwner, {}],
  ['NewPerson', NewPerson, { email: 'ann@example.com' }],
  ['NewPerson', NewPerson, { email: 'ann' }],
])('the description of %s takes or refuses what its schema does: %#', (name, schema, body) => {
  expect(isDescribed(name, body)).toBe(v.safeParse(schema, body).success)
})
