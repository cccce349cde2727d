/** `npm run interop`: clients and servers that are not ours, through a real relay and agent; what cannot run here is said. */
import { type Relay, startRelay } from '../harness/selfhost.ts'
import { contextForgeProofs } from './agents/context-forge.ts'
import { NotInstallable, type Proof } from './proof.ts'
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
]

type Outcome = 'passed' | 'failed' | 'did not run'

function leftOut(name: string, reason: string): Outcome {
  console.log(`did not run: ${name}: ${reason}`)
  return 'did not run'
}

/** Runs a proof, and prints how it went. */
async function attempt({ name, needs, run }: Proof, relay: Relay): Promise<Outcome> {
  const startMs = performance.now()
  try {
    const reason = await needs?.()
    if (reason !== undefined) return leftOut(name, reason)
    await run(relay)
    console.log(`ok      ${name}  (${((performance.now() - startMs) / 1000).toFixed(1)} s)`)
    return 'passed'
  } catch (error) {
    if (error instanceof NotInstallable) return leftOut(name, error.message)
    console.log(`FAILED  ${name}\n${error instanceof Error ? error.message : String(error)}`)
    return 'failed'
  }
}

async function runAll(proofs: readonly Proof[]): Promise<number> {
  await using relay = await startRelay()
  const outcomes: Outcome[] = []
  for (const proof of proofs) outcomes.push(await attempt(proof, relay))
  const count = (outcome: Outcome): number => outcomes.filter((one) => one === outcome).length
  console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('did not run')} did not run`)
  return count('failed') === 0 ? 0 : 1
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(USAGE)
    return 0
  }
  const parts = args.filter((arg) => arg !== '--list').map((part) => part.toLowerCase())
  const chosen = PROOFS.filter(({ name }) => parts.length === 0 || parts.some((part) => name.toLowerCase().includes(part)))
  if (parts.some((part) => part.startsWith('--')) || chosen.length === 0) {
    console.error(`Nothing is called ${parts.join(' or ')}.\n\n${USAGE}`)
    return 2
  }
  if (!args.includes('--list')) return await runAll(chosen)
  for (const { name } of chosen) console.log(name)
  return 0
}

process.exitCode = await main(process.argv.slice(2))
