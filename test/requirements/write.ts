/** `npm run requirements`: writes docs/requirements.md anew. */
import { writeFileSync } from 'node:fs'
import { SECTIONS } from './ledger.ts'
import { renderPage } from './page.ts'
import { readAllProofs } from './test-files.ts'
import { readHelpOnly } from '../harness/usage.ts'

readHelpOnly(`npm run requirements

Writes docs/requirements.md anew: what must hold, and the tests that say they prove it. It has no options.`)

const { proofs, faults } = readAllProofs()
for (const fault of faults) console.error(fault)
writeFileSync(new URL('../../docs/requirements.md', import.meta.url), renderPage(SECTIONS, proofs))
