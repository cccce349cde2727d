/** `npm run apps`: programs with web pages that are not ours, shared with --http and opened in a real browser; what cannot run here is said. */
import { proveAll } from '../interop/prove-all.ts'
import { jupyterProofs } from './jupyter.ts'
import { nextProofs } from './next.ts'
import { longProofs, plainAppProofs } from './plain-app.ts'
import { svelteKitProofs } from './sveltekit.ts'
import { viteProofs } from './vite.ts'

const USAGE = `npm run apps [-- <part of a name>...]

Shares real programs through a relay on this machine, on the hosts that apps have, and uses them in Chromium (/usr/bin/chromium). Runs the
proofs whose names contain one of the parts; without parts, all but long ones. Packages are fetched at pinned versions into caches, never
into this project; what is missing is named, and does not fail.
Exit codes: 0 all that ran passed, 1 a proof failed, 2 wrong usage.

  --long   what takes minutes of waiting, too
  --list   print the names and run nothing
  --help   print this`

const LONG = '--long'
const args = process.argv.slice(2)
const proofs = [
  ...plainAppProofs,
  ...viteProofs,
  ...nextProofs,
  ...svelteKitProofs,
  ...jupyterProofs,
  ...(args.includes(LONG) ? longProofs : []),
]
process.exitCode = await proveAll(
  proofs,
  USAGE,
  args.filter((arg) => arg !== LONG),
)
