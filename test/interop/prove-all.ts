/** Runs proofs by the parts of their names, one after the other against one relay, and says how each went. */
import { startRelay, type Relay } from '../harness/selfhost.ts'
import { NotInstallable, type Proof } from './proof.ts'

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

/** `args`: parts of names, `--list` or `--help`. Resolves with the exit code: 0 all that ran passed, 1 one failed, 2 wrong usage. */
export async function proveAll(proofs: readonly Proof[], usage: string, args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(usage)
    return 0
  }
  const parts = args.filter((arg) => arg !== '--list').map((part) => part.toLowerCase())
  const chosen = proofs.filter(({ name }) => parts.length === 0 || parts.some((part) => name.toLowerCase().includes(part)))
  if (parts.some((part) => part.startsWith('--')) || chosen.length === 0) {
    console.error(`Nothing is called ${parts.join(' or ')}.\n\n${usage}`)
    return 2
  }
  if (!args.includes('--list')) return await runAll(chosen)
  for (const { name } of chosen) console.log(name)
  return 0
}
