/** Owns what is built of foreign languages: once per run, at pinned versions, into a cache beside the project's packages. */
import { join } from 'node:path'
import { ROOT, run } from '../harness/program.ts'
import type { Command } from '../harness/selfhost.ts'

/** Where programs and packages that are not ours are kept. */
export const BUILD_CACHE = join(ROOT, 'node_modules/.cache/interop')
/** Covers the download of a language's packages on a slow line, and their compilation on two busy cores. */
const BUILD_MS = 900_000
const LAST_LINES = 15

async function build(toolchain: Command, command: Command): Promise<string | undefined> {
  const [name, ...args] = toolchain
  const found = await run(name, args).catch(() => undefined)
  if (found?.code !== 0) return `${name} is missing`
  const [builder, ...how] = command
  const { code, stderr, stdout } = await run(builder, how, { boundMs: BUILD_MS })
  return code === 0 ? undefined : `${builder} cannot build it: ${`${stdout}\n${stderr}`.trim().split('\n').slice(-LAST_LINES).join('\n')}`
}

/** Builds when it is first asked, and says why that cannot be done here: a toolchain that is missing, packages that cannot be had. */
export function builtWith(toolchain: Command, command: Command): () => Promise<string | undefined> {
  let outcome: Promise<string | undefined> | undefined
  return () => (outcome ??= build(toolchain, command))
}
