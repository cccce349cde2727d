import { describe, expect, test } from 'vitest'
import { applyEdit, type BodyEdit } from '../../../../worker/bridge/body-edit.ts'
import { bytesOf, textOf } from './bytes.ts'

const isOurs = (key: string): boolean => key.startsWith('x/')

describe('applyEdit()', () => {
  test.each<[string, string, 'params' | 'result', BodyEdit, string]>([
    [
      'makes params that are missing',
      '{"id":1}',
      'params',
      { set: { a: '1' }, meta: { set: { m: '2' } } },
      '{"params":{"a":1,"_meta":{"m":2}},"id":1}',
    ],
    [
      'makes params that are null',
      '{"params":null,"id":1}',
      'params',
      { meta: { set: { m: '2' } } },
      '{"params":{"_meta":{"m":2}},"id":1}',
    ],
    [
      'makes a _meta that is null',
      '{"result":{"a":1,"_meta":null}}',
      'result',
      { meta: { set: { m: '2' } } },
      '{"result":{"_meta":{"m":2},"a":1}}',
    ],
    ['drops a _meta that is null', '{"result":{"a":1,"_meta":null}}', 'result', { drop: isOurs }, '{"result":{"a":1}}'],
    ['makes none for nothing', '{"id":1}', 'params', { drop: isOurs, meta: { drop: isOurs } }, '{"id":1}'],
    ['makes no result', '{"error":{}}', 'result', { set: { a: '1' } }, '{"error":{}}'],
    ['leaves a result alone that is no object', '{"result":[1]}', 'result', { set: { a: '1' } }, '{"result":[1]}'],
    ['makes a _meta', '{"params":{"n":1.0}}', 'params', { meta: { set: { m: '2' } } }, '{"params":{"_meta":{"m":2},"n":1.0}}'],
    [
      'edits a _meta',
      '{"params":{"_meta":{"x/a":1,"k":1e2}}}',
      'params',
      { meta: { drop: isOurs, set: { m: '2' } } },
      '{"params":{"_meta":{"m":2,"k":1e2}}}',
    ],
    ['drops a _meta that it empties', '{"params":{"n":1,"_meta":{"x/a":1}}}', 'params', { meta: { drop: isOurs } }, '{"params":{"n":1}}'],
    [
      'edits members and _meta at once',
      '{"result":{"x/b":1,"_meta":{"k":1}}}',
      'result',
      { drop: isOurs, set: { a: '2' }, meta: { set: { m: '3' } } },
      '{"result":{"a":2,"_meta":{"m":3,"k":1}}}',
    ],
  ])('%s', (_, body, container, edit, expected) => {
    expect(textOf(applyEdit(bytesOf(body), container, edit))).toBe(expected)
  })
})
