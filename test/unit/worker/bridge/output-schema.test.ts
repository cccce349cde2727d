import { expect, test } from 'vitest'
import { legacyResultEdits } from '../../../../worker/bridge/legacy-to-modern.ts'
import { isWrappedSchema } from '../../../../worker/bridge/output-schema.ts'
import { editedBy } from './bytes.ts'

function edited(text: string, method: string, isSchemaWrapped = false): string {
  return editedBy(text, (bytes) => legacyResultEdits(bytes, { method, isSchemaWrapped }))
}

test.each([
  [{ type: 'object' }, false],
  [{ type: 'array' }, true],
  [{}, true],
  [undefined, false],
  [null, false],
  [true, false],
])('isWrappedSchema() of %j is %s', (schema, expected) => {
  expect(isWrappedSchema(schema)).toBe(expected)
})

test('outputSchemaEdits() wraps output schemas that are not of an object, and moves their pointers along', () => {
  const schema =
    '{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","maxItems":9007199254740993,"items":{"$ref":"#/$defs/a"},"$defs":{"a":{"$ref":"#"},"b":{"$id":"x","$ref":"#/c"},"$ref":{"enum":[{"$ref":"#/kept"}],"$ref":"#name"}}}'
  const text = edited(`{"result":{"tools":[{"outputSchema":${schema}},{"outputSchema":{"type":"object"}},{}]}}`, 'tools/list')
  expect(text).toContain('9007199254740993')
  expect(JSON.parse(text)).toMatchObject({
    result: {
      tools: [
        {
          outputSchema: {
            $schema: 'http://json-schema.org/draft-07/schema#',
            type: 'object',
            properties: {
              result: {
                type: 'array',
                items: { $ref: '#/properties/result/$defs/a' },
                $defs: {
                  a: { $ref: '#/properties/result' },
                  b: { $id: 'x', $ref: '#/c' },
                  $ref: { enum: [{ $ref: '#/kept' }], $ref: '#name' },
                },
              },
            },
            required: ['result'],
          },
        },
        { outputSchema: { type: 'object' } },
        {},
      ],
    },
  })
})

test('outputSchemaEdits() leaves the pointers of a schema that has a base of its own', () => {
  const text = edited('{"result":{"tools":[{"outputSchema":{"$id":"https://x","$ref":"#/a"}}]}}', 'tools/list')
  expect(text).toContain('{"$id":"https://x","$ref":"#/a"}')
})

test.each([
  ['[1.0]', false, '{"result":{"content":[{"type":"text","text":"[1.0]"}],"structuredContent":{"result":[1.0]}}}'],
  ['5', false, '{"result":{"content":[{"type":"text","text":"5"}],"structuredContent":{"result":5}}}'],
  ['null', false, '{"result":{"content":[{"type":"text","text":"null"}],"structuredContent":{"result":null}}}'],
  ['{"a":1e2}', true, '{"result":{"content":[],"structuredContent":{"result":{"a":1e2}}}}'],
  ['{"a":1e2}', false, '{"result":{"content":[],"structuredContent":{"a":1e2}}}'],
])('structuredContentEdits() gives the structured content %s, schema wrapped: %s, as %s', (content, isWrapped, expected) => {
  expect(edited(`{"result":{"resultType":"complete","content":[],"structuredContent":${content}}}`, 'tools/call', isWrapped)).toBe(expected)
})

test('structuredContentEdits() adds no text beside one that is there', () => {
  const text = edited('{"result":{"content":[{"type":"text","text":"t"}],"structuredContent":[1]}}', 'tools/call')
  expect(text).toBe('{"result":{"content":[{"type":"text","text":"t"}],"structuredContent":{"result":[1]}}}')
})
