/** `npm run trace`: by which source files a message goes through Worker, Share and agent; compared with docs/design.md, or written into it. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT } from '../harness/program.ts'
import { recordWays } from './record.ts'
import { describeWays, faultsOf, withBlock } from './way.ts'

const PAGE = join(ROOT, 'docs/design.md')

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, write: { type: 'boolean', default: false } } })
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
  process.exitCode = faults.length === 0 ? 0 : 1
}
