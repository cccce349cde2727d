import { expect, test } from 'vitest'
import { pageOf } from '../../list-page.ts'
import {
  forgetModernServer,
  knownModernServer,
  learnModernServer,
  learnWrappedTools,
} from '../../../../../worker/mcp/legacy-client/known-modern-servers.ts'
import { FACTS } from './modern-server.ts'

test('knownModernServer() knows what was learned of a share and session, until that is forgotten', () => {
  const learned = learnModernServer('share', 'a', { ...FACTS, level: 'debug' })
  expect(learned).toMatchObject({ version: 'v1', level: 'debug', client: { revision: '2025-11-25' } })
  expect(knownModernServer('share', 'a')).toBe(learned)
  expect(knownModernServer('share', 'b')).toBeUndefined()
  expect(knownModernServer('other', 'a')).toBeUndefined()
  forgetModernServer('share', 'a')
  expect(knownModernServer('share', 'a')).toBeUndefined()
})

test('learnWrappedTools() reads all pages for the tools whose output schemas are no objects', async () => {
  const server = learnModernServer('share', 'c', FACTS)
  const pages = [
    {
      tools: [
        { name: 'list', outputSchema: { type: 'array' } },
        { name: 'map', outputSchema: { type: 'object' } },
      ],
      nextCursor: 'n',
    },
    { tools: [{ name: 'text', outputSchema: { type: 'string' } }, { name: 'plain' }, 7] },
  ]
  const cursors: unknown[] = []
  const names = await learnWrappedTools(server, (cursor) => {
    cursors.push(cursor)
    return Promise.resolve(pageOf(pages[cursors.length - 1]))
  })
  expect([...names]).toEqual(['list', 'text'])
  expect(cursors).toEqual([undefined, 'n'])
  expect(server.wrappedTools).toBe(names)
})

test('learnWrappedTools() remembers nothing of a list that could not be asked for to its end', async () => {
  const server = learnModernServer('share', 'd', FACTS)
  const page = pageOf({ tools: [{ name: 'list', outputSchema: { type: 'array' } }], nextCursor: 'n' })
  const names = await learnWrappedTools(server, (cursor) => Promise.resolve(cursor === undefined ? page : 'changed'))
  expect([...names]).toEqual(['list'])
  expect(server.wrappedTools).toBeUndefined()
})
