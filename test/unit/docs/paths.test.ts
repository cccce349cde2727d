/** The pages name source files that exist. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../../..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'agent/README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
const SOURCES = ['protocol', 'worker', 'agent', 'selfhost', 'test', 'bench', 'lint'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.includes('node_modules'))
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`),
)

test.each(PAGES.filter((page) => page.endsWith('.md')))('every source file that %s names exists', (page) => {
  const named = readFileSync(join(ROOT, page), 'utf8').matchAll(/`((?:[\w.-]+\/)*[\w.-]+\.(?:ts|js))`/g)
  const missing = [...named].flatMap(([, name = '']) => (SOURCES.some((file) => file === name || file.endsWith(`/${name}`)) ? [] : [name]))
  expect(missing).toEqual([])
})
