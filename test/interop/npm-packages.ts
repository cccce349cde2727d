/** Packages of npm that only a proof needs: pinned, and installed into a folder of the cache instead of into this project. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, run } from '../harness/program.ts'
import { NotInstallable } from './proof.ts'

/** Covers the download of a package with all that it needs, on a slow line. */
const INSTALL_MS = 300_000

/**
 * The folder whose `node_modules` has these packages (`name@version`), which later runs find again.
 *
 * @throws NotInstallable when they cannot be had.
 */
export async function installed(name: string, packages: readonly string[]): Promise<string> {
  const folder = join(ROOT, 'node_modules/.cache/interop', name)
  const done = join(folder, `${packages.join('+').replaceAll('/', '_')}.done`)
  if (existsSync(done)) return folder
  await mkdir(folder, { recursive: true })
  await install(folder, packages)
  await writeFile(done, '')
  return folder
}

/**
 * Puts these packages into a folder that there is.
 *
 * @throws NotInstallable when they cannot be had.
 */
export async function install(folder: string, packages: readonly string[]): Promise<void> {
  // A package.json of its own keeps npm from looking for a workspace above.
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}\n')
  const args = [
    'install',
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
    '--ignore-scripts',
    '--loglevel=error',
    ...packages,
  ]
  const exit = await run('npm', args, { cwd: folder, boundMs: INSTALL_MS })
  if (exit.code !== 0) throw new NotInstallable(exit.stderr)
}
