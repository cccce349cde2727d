/** Owns what is built of foreign languages: once a run, at pinned versions, into a cache beside the project's packages. */
import { join } from 'node:path'
import { ROOT, run } from '../harness/program.ts'
import type { Command } from '../harness/selfhost.ts'
import { NotInstallable } from './proof.ts'

/** Where programs that are not ours are built. */
export const BUILD_CACHE = join(ROOT, 'node_modules/.cache/interop')
/** Covers the download of a language's packages on a slow line, and their compilation on two busy cores. */
const BUILD_MS = 900_000

export interface BuildSteps {
  /** Prints the version of the toolchain, where there is one. */
  readonly toolchain: Command
  /** Downloads packages; where that fails, the proof does not run. */
  readonly fetch: Command
  /** Compiles our own program against them; where that fails, the proof has failed. */
  readonly compile?: Command
}

async function output([name, ...args]: Command): Promise<{ readonly isDone: boolean; readonly text: string }> {
  const { code, stdout, stderr } = await run(name, args, { boundMs: BUILD_MS })
  return { isDone: code === 0, text: `${stdout}\n${stderr}` }
}

async function build({ toolchain, fetch, compile }: BuildSteps): Promise<string | undefined> {
  const found = await output(toolchain).catch(() => undefined)
  if (found?.isDone !== true) return `${toolchain[0]} is missing`
  const fetched = await output(fetch)
  if (!fetched.isDone) throw new NotInstallable(fetched.text)
  const compiled = compile === undefined ? undefined : await output(compile)
  if (compiled?.isDone === false) throw new Error(compiled.text)
  return undefined
}

/** Builds when it is first asked; what it says, and throws, is what `needs` of a proof does. */
export function builtWith(steps: BuildSteps): () => Promise<string | undefined> {
  let outcome: Promise<string | undefined> | undefined
  return () => (outcome ??= build(steps))
}
