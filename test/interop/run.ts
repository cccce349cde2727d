/** `npm run interop`: clients and servers that are not ours, through a real relay and agent; what cannot run here is said. */
import { contextForgeProofs } from './agents/context-forge.ts'
import { egdeskProofs } from './agents/egdesk.ts'
import { mrPilotProofs } from './agents/mr-pilot.ts'
import type { Proof } from './proof.ts'
import { proveAll } from './prove-all.ts'
import { goProofs } from './sdks/go/proofs.ts'
import { javaProofs } from './sdks/java/proofs.ts'
import { nodeProofs } from './sdks/node/proofs.ts'
import { pythonProofs } from './sdks/python/proofs.ts'
import { rustProofs } from './sdks/rust/proofs.ts'
import { goServerProofs } from './servers/go.ts'
import { bothErasServerProofs } from './servers/proofs.ts'
import { pypiServerProofs } from './servers/pypi.ts'
import { vendorProofs } from './vendors/proofs.ts'

const USAGE = `npm run interop [-- <part of a name>...]

Runs the proofs whose names contain one of the parts; without parts, all. Toolchains that are missing are named, and what
needs them does not run; packages are fetched at pinned versions into caches, never into this project.
Exit codes: 0 all that ran passed, 1 a proof failed, 2 wrong usage.

  --list   print the names and run nothing
  --help   print this`

const PROOFS: readonly Proof[] = [
  ...pythonProofs,
  ...pypiServerProofs,
  ...nodeProofs,
  ...bothErasServerProofs,
  ...goProofs,
  ...goServerProofs,
  ...rustProofs,
  ...javaProofs,
  ...vendorProofs,
  ...contextForgeProofs,
  ...mrPilotProofs,
  ...egdeskProofs,
]

process.exitCode = await proveAll(PROOFS, USAGE, process.argv.slice(2))
