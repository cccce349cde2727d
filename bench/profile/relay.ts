/** A relay of its own for a profile: any Worker of ours in workerd, with V8's inspector, and agents in front of bench/child.ts. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bundleWorker } from '../../selfhost/build-worker.ts'
import { readWranglerToml, toWorkerdConfig } from '../../selfhost/config.ts'
import { until } from '../../test/harness/deadline.ts'
import { StateFolder } from '../../test/harness/selfhost.ts'
import { asObject, textField } from '../../test/harness/json.ts'
import { NODE, Program, ROOT } from '../../test/harness/program.ts'
import { freePort, portOpen } from '../contenders/contender.ts'
import { argumentsOf, endTrees, trees } from '../process-tree.ts'

const OWNER_KEY = 'owner-key-of-the-profile'
export const CHILD_FILE = join(import.meta.dirname, '../child.ts')

/** Where the workerd binary lies; what npm links is a shim. */
function workerdBinary(): string {
  return textField(asObject(createRequire(import.meta.url)('workerd')), 'default')
}

export interface ShareAccess {
  readonly id: string
  readonly path: string
  readonly agentToken: string
}

export class ProfiledRelay implements AsyncDisposable {
  readonly port: number
  readonly inspectorPort: number
  readonly workerd: Program
  readonly bundleFile: string
  readonly #folder: StateFolder
  readonly #others: Program[] = []

  private constructor(folder: StateFolder, workerd: Program, ports: readonly [number, number], bundleFile: string) {
    this.#folder = folder
    this.workerd = workerd
    this.port = ports[0]
    this.inspectorPort = ports[1]
    this.bundleFile = bundleFile
  }

  /** Bundles the Worker's entry file and runs it with the bindings of wrangler.toml; with `inspect`, which costs time, under V8's inspector. */
  static async start(entryFile: string, { inspect = false } = {}): Promise<ProfiledRelay> {
    const folder = await StateFolder.create()
    const [runtime, storage] = [join(folder.path, 'runtime'), join(folder.path, 'storage')]
    await mkdir(runtime)
    await mkdir(storage)
    const bundleFile = join(runtime, 'worker.js')
    await bundleWorker(entryFile, bundleFile)
    const ports = [await freePort(), await freePort()] as const
    const config = readWranglerToml(await readFile(join(ROOT, 'wrangler.toml'), 'utf8'))
    const options = { address: `127.0.0.1:${ports[0]}`, bundle: 'worker.js', fromEnvironment: ['OWNER_KEY', 'LOOPBACK'] }
    await writeFile(join(runtime, 'config.capnp'), toWorkerdConfig(config, options))
    const inspector = inspect ? [`--inspector-addr=127.0.0.1:${ports[1]}`] : []
    const args = ['serve', ...inspector, `--directory-path=storage=${storage}`, join(runtime, 'config.capnp')]
    const workerd = new Program(workerdBinary(), args, { env: { OWNER_KEY, LOOPBACK: '1' } })
    await portOpen(ports[0])
    return new ProfiledRelay(folder, workerd, ports, bundleFile)
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  async createShare(lanes = 1): Promise<ShareAccess> {
    const headers = { authorization: `Bearer ${OWNER_KEY}`, 'content-type': 'application/json' }
    const body = JSON.stringify({ name: 'profile', lanes })
    const made = asObject(await (await fetch(`${this.origin}/api/shares`, { method: 'POST', headers, body })).json())
    return {
      id: textField(made, 'share'),
      path: new URL(textField(made, 'share_url')).pathname,
      agentToken: textField(made, 'agent_token'),
    }
  }

  /** Names the life of a share's object: another one later says that it has slept. */
  async incarnation(share: ShareAccess): Promise<string> {
    const headers = { authorization: `Bearer ${OWNER_KEY}` }
    const facts = asObject(await (await fetch(`${this.origin}/api/shares/${share.id}`, { headers })).json())
    return textField(asObject(facts['counters']), 'incarnation')
  }

  /** Waits until the server of a share was listed and pinned, which goes on behind the first requests. */
  async untilPinned(share: ShareAccess): Promise<void> {
    const headers = { authorization: `Bearer ${OWNER_KEY}` }
    const isPinned = async (): Promise<boolean> => {
      const tools = asObject(await (await fetch(`${this.origin}/api/shares/${share.id}/tools`, { headers })).json())
      return tools['unpinned'] !== undefined
    }
    await until(isPinned, 'the server to be pinned')
  }

  /** Runs the agent with Node's own options before it and the server's behind it. */
  async startAgent(
    share: ShareAccess,
    nodeOptions: readonly string[],
    childOptions: readonly string[],
    { tapFile = '', isolation = 'session' }: { readonly tapFile?: string; readonly isolation?: 'session' | 'share' } = {},
  ): Promise<Program> {
    const own = ['agent/cli.ts', '--relay', this.origin, '--json', '--isolate', isolation, '--env', `BENCH_TAP=${tapFile}`]
    const env = { MCP_EDGE_TOKEN: share.agentToken, BENCH_TAP: tapFile }
    const agent = new Program(NODE, [...nodeOptions, ...own, '--', NODE, ...childOptions, CHILD_FILE], { env })
    this.#others.push(agent)
    await untilReady(agent)
    return agent
  }

  /** Runs the bare relay's agent. */
  async startEchoAgent(command: readonly string[] = [NODE, CHILD_FILE]): Promise<Program> {
    const args = [join(import.meta.dirname, 'echo-agent.ts'), `ws://127.0.0.1:${this.port}/link`, ...command]
    const agent = new Program(NODE, args)
    this.#others.push(agent)
    await agent.stdout.find((line) => (line === 'ready' ? true : undefined), 'the echo agent to be ready')
    return agent
  }

  /** A file that lives as long as the relay. */
  file(name: string): string {
    return join(this.#folder.path, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endTrees(
      [this.workerd, ...this.#others].filter(({ running }) => running).map(({ pid }) => pid),
      500,
    )
    await this.#folder[Symbol.asyncDispose]()
  }
}

/** Waits until the relay has welcomed an agent that was started with `--json`. */
export async function untilReady(agent: Program): Promise<void> {
  await agent.stderr.find((line) => (line.includes('"event":"ready"') ? true : undefined), 'the agent to be ready')
}

/** Process id of the server behind an agent. */
export function serverOf(agentPid: number): number {
  const found = trees([agentPid]).find((pid) => pid !== agentPid && argumentsOf(pid).at(-1) === CHILD_FILE)
  if (found === undefined) throw new Error('no server behind the agent')
  return found
}
