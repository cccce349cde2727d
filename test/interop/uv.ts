/** How programs of the Python world are run: by uv, which fetches pinned packages into a cache of its own. */
import { run } from '../harness/program.ts'
import type { Command } from '../harness/selfhost.ts'
import { NotInstallable } from './proof.ts'

/** Covers the download of a package on a slow line. */
export const UV_MS = 180_000

let missing: Promise<string | undefined> | undefined

/** Why nothing of PyPI can run here, if it cannot. */
export function needsUv(): Promise<string | undefined> {
  missing ??= run('uv', ['--version']).then(
    ({ code }) => (code === 0 ? undefined : `uv --version exits with ${code}`),
    () => 'uv is missing (https://docs.astral.sh/uv/)',
  )
  return missing
}

/**
 * Fetches the packages of a script: the first start downloads, for longer than a step of a proof or a share's child may take.
 *
 * @throws NotInstallable when they cannot be had.
 */
export async function fetched(command: Command): Promise<Command> {
  const [name, ...args] = command
  const exit = await run(name, [...args.slice(0, -1), '-c', ''], { boundMs: UV_MS })
  if (exit.code !== 0) throw new NotInstallable(exit.stderr)
  return command
}

/** A Python script with the packages that it needs, each with its version. */
export function pythonScript(packages: readonly string[], script: string): Command {
  return ['uv', 'run', '-q', '--no-project', ...packages.flatMap((name) => ['--with', name]), 'python', script]
}
