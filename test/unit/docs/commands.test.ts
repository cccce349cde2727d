/** Commands that the pages show can be typed in a fresh checkout: scripts, programs and options exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agentCommand } from '../../../agent/config/options.ts'
import { readOptions, usage } from '../../../selfhost/options.ts'
import manifest from '../../../package.json' with { type: 'json' }

const ROOT = join(import.meta.dirname, '../../..')
const PAGES = ['README.md', 'CONTRIBUTING.md', 'agent/README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)]
  .filter((name) => name.endsWith('.md'))
  .map((name) => ({ name, text: ours(name, readFileSync(join(ROOT, name), 'utf8')) }))

/** What a page says of commands of this project: the first two columns of docs/seeds.md name those of other systems. */
function ours(name: string, text: string): string {
  return name === 'docs/seeds.md' ? text.replace(/^\|[^|]*\|[^|]*\|/gm, '|') : text
}

/** What npm runs by a name of its own. */
const OWN_SCRIPTS: readonly string[] = ['start', 'test']

test.each(PAGES)('every npm script that $name names exists', ({ text }) => {
  const named = [...text.matchAll(/\bnpm (?:run (?:-\S+ )*)?(?:-\S+ )*([\w:-]+)/g)].filter(
    ([whole, script = '']) => whole.includes(' run ') || OWN_SCRIPTS.includes(script),
  )
  for (const [whole, script = ''] of named) expect(manifest.scripts, whole).toHaveProperty(script)
})

test.each(PAGES)('$name says how the agent is run from a checkout, where it names npx mcp-edge-agent', ({ text }) => {
  const isNamed = /npx (?:-y )?mcp-edge-agent/.test(text)
  expect(!isNamed || text.includes('node_modules/.bin/node agent/cli.ts -- ')).toBe(true)
})

test.each(PAGES)('every program of a checkout that $name runs exists', ({ text }) => {
  const named = [...text.matchAll(/(?:^|[\s`/])node ((?:agent|selfhost|bench|test)\/[\w/-]+\.ts)/gm)].map(([, file = '']) => file)
  expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([])
})

test.each(PAGES)('no command of $name runs a source file with the Node of the machine, which may be too old for it', ({ text }) => {
  expect(text.match(/^(?:\$ )?node \S+\.ts.*/gm) ?? []).toEqual([])
})

/** Each `npm start` in a block of code, as the words behind `npm start` and its dashes. */
const starts = PAGES.flatMap(({ name, text }) =>
  [...text.matchAll(/^(?:\$ )?(?:.*&& )?npm start(?: --silent)? -- (.*)$/gm)].map(([line, args = '']) => ({
    line: `${name}: ${line}`,
    args: args.replace(/\s+#.*$/, '').split(' '),
  })),
)

test.each(starts)('npm start understands what is shown in $line', ({ args }) => {
  expect(() => readOptions(args)).not.toThrow()
})

test('every option of npm start and of the agent has a row in its page', () => {
  const [selfHosting = '', agent = ''] = ['docs/self-hosting.md', 'docs/agent.md'].map(
    (page) => PAGES.find(({ name }) => name === page)?.text,
  )
  const own = [...(usage().split('Of the server')[0] ?? '').matchAll(/^ {2}(--[\w-]+)/gm)].map(([, option = '']) => option)
  expect(own.filter((option) => option !== '--help' && !selfHosting.includes(`| \`${option}`))).toEqual([])
  const options = agentCommand().options.map(({ long }) => long ?? '')
  expect(options.filter((option) => option !== '--version' && !agent.includes(`| \`${option}\``))).toEqual([])
})
