/** Owns the vendors' packages: each in a cache of its own, at its pinned version, never among this project's. */
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { asObject } from '../../harness/json.ts'
import { ROOT, run } from '../../harness/program.ts'
import type { CommandLine } from './command-line.ts'

/** Covers the download of some 130 MB on a slow line. */
const INSTALL_MS = 600_000

function cacheFolder({ name }: CommandLine): string {
  return join(ROOT, 'node_modules/.cache/interop', name)
}

function packageFolder(commandLine: CommandLine): string {
  return join(cacheFolder(commandLine), 'node_modules', commandLine.package)
}

/** The file that Node runs. */
export function programOf(commandLine: CommandLine): string {
  return join(packageFolder(commandLine), commandLine.program)
}

async function installedVersion(commandLine: CommandLine): Promise<unknown> {
  const file = join(packageFolder(commandLine), 'package.json')
  return existsSync(file) ? asObject(JSON.parse(await readFile(file, 'utf8')))['version'] : undefined
}

/** Installs it where it is missing. Returns why it cannot be had, if it cannot. Nothing of the package runs meanwhile. */
export async function needsPackage(commandLine: CommandLine): Promise<string | undefined> {
  if ((await installedVersion(commandLine)) === commandLine.version) return undefined
  const name = `${commandLine.package}@${commandLine.version}`
  const folder = cacheFolder(commandLine)
  await mkdir(folder, { recursive: true })
  const quiet = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts', '--include=optional']
  try {
    const { code, stderr } = await run('npm', ['install', '--prefix', folder, ...quiet, name], { boundMs: INSTALL_MS })
    return code === 0 ? undefined : `${name} cannot be installed: ${stderr.trim().split('\n').slice(0, 3).join(' ')}`
  } catch (error) {
    return `${name} cannot be installed: ${error instanceof Error ? error.message : String(error)}`
  }
}
