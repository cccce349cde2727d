/** The house stays livable: rooms that can be overlooked, files that can be read at one sitting. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
/** What a folder holds that a list of files still shows at a glance. */
const MAX_FILES = 20
const MAX_LINES = 300

const FILES = ['protocol', 'worker', 'agent', 'selfhost'].flatMap((house) =>
  readdirSync(join(ROOT, house), { recursive: true, withFileTypes: true })
    .filter(({ name, parentPath }) => name.endsWith('.ts') && !name.endsWith('.d.ts') && !parentPath.includes('node_modules'))
    .map(({ name, parentPath }) => ({ room: parentPath.slice(ROOT.length + 1), path: join(parentPath, name) })),
)

test('a room has at most 20 source files', () => {
  const rooms = Map.groupBy(FILES, ({ room }) => room)
  expect(rooms.size).toBeGreaterThan(50)
  expect([...rooms].filter(([, files]) => files.length > MAX_FILES).map(([room, files]) => `${room}: ${files.length}`)).toEqual([])
})

test('a source file has at most 300 lines', () => {
  const long = FILES.filter(({ path }) => readFileSync(path, 'utf8').split('\n').length - 1 > MAX_LINES)
  expect(long.map(({ path }) => path.slice(ROOT.length + 1))).toEqual([])
})
