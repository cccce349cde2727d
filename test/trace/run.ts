/** `npm run trace`: by which source files a message goes through Worker, Share and agent; compared with docs/design.md, or written into it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../harness/program.ts'
import { recordWays } from './record.ts'
import { describeWays, faultsOf, withBlock } from './way.ts'

const PAGE = join(ROOT, 'docs/design.md')

const USAGE = `npm run trace -- [--check | --write]

Sends marked messages through a real relay, agent and server, and prints by which source files they pass.

  --check  fail when docs/design.md says otherwise, or a place has more than five files or one twice
  --write  write it into docs/design.md`

const options = {
  check: { type: 'boolean', default: false },
  write: { type: 'boolean', default: false },
  help: { type: 'boolean' },
} as const
const { values } = parseArgs({ options })
if (values.help === true) {
  console.log(USAGE)
  process.exit(0)
}
const ways = await recordWays()
const text = describeWays(ways)
console.log(text)
const page = await readFile(PAGE, 'utf8')
const wanted = withBlock(page, text)
if (values.write) await writeFile(PAGE, wanted)
if (values.check) {
  const stale = page === wanted ? [] : ['docs/design.md says otherwise: npm run trace -- --write']
  const faults = [...ways.flatMap(faultsOf), ...stale]
  for (const fault of faults) console.error(fault)
  if (faults.length === 0) console.log('\ndocs/design.md says the same.')
  process.exitCode = faults.length === 0 ? 0 : 1
}
