/** Sends marked messages through a real relay, agent and server, and tells by which source files they went. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { moduleOfLine } from '../../bench/profile/cpu-profile.ts'
import { ProfiledRelay } from '../../bench/profile/relay.ts'
import { toolText } from '../harness/json.ts'
import { ROOT } from '../harness/program.ts'
import { RawClient } from '../harness/raw-client.ts'
import type { RawPassage } from './passages.ts'
import { type Passage, stagesOf, type Way } from './way.ts'

const MODERN = '2026-07-28'
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
  'io.modelcontextprotocol/clientInfo': { name: 'trace', version: '1.0.0' },
}
const SOURCE = /^(worker|agent|protocol)\/.+\.ts$/

/** Each kind of call is made once before: the first on a child goes other ways than most do. */
export async function recordWays(): Promise<Way[]> {
  await using relay = await ProfiledRelay.start(join(import.meta.dirname, 'worker/traced-worker.ts'))
  const tapFile = relay.file('passages')
  const share = await relay.createShare()
  await relay.startAgent(share, ['--import', join(import.meta.dirname, 'agent-hook.ts')], [], { tapFile })
  const recorder = new Recorder(relay, tapFile, moduleOfLine(await readFile(relay.bundleFile, 'utf8')))
  const client = new RawClient(`${relay.origin}${share.path}`)
  await client.initialize()
  await echo(client, 'before')
  const call = await recorder.record('tools/call of a session (2025-11-25), server of the handshake era', () => echo(client, 'traced'))
  const modern = new RawClient(client.url)
  await echoModern(modern, 'before')
  const modernCall = await recorder.record('tools/call of 2026-07-28, server of the handshake era', () => echoModern(modern, 'traced'))
  await using listener = await client.listen()
  const notification = await recorder.record("notification of the server, to its session's GET stream", async () => {
    // By itself: what comes in one chunk with an answer goes out with it.
    await client.callTool('notify', { ms: 50 })
    await listener.nextNotification('notifications/tools/list_changed')
  })
  return [call, modernCall, notification]
}

async function echo(client: RawClient, text: string): Promise<void> {
  expectText((await client.callTool('echo', { text })).last['result'], text)
}

async function echoModern(client: RawClient, text: string): Promise<void> {
  const headers = { 'mcp-protocol-version': MODERN, 'mcp-method': 'tools/call', 'mcp-name': 'echo' }
  const params = { name: 'echo', arguments: { text }, _meta: META }
  expectText((await client.request('tools/call', params, { headers })).last['result'], text)
}

function expectText(result: unknown, text: string): void {
  if (toolText(result) !== text) throw new Error(`not answered with "${text}" but with ${JSON.stringify(result)}`)
}

class Recorder {
  readonly #relay: ProfiledRelay
  readonly #tapFile: string
  readonly #moduleOf: (line: number) => string
  #readChars = 0

  constructor(relay: ProfiledRelay, tapFile: string, moduleOf: (line: number) => string) {
    this.#relay = relay
    this.#tapFile = tapFile
    this.#moduleOf = moduleOf
  }

  async record(title: string, act: () => Promise<void>): Promise<Way> {
    await this.#passages()
    await act()
    return { title, stages: stagesOf(await this.#passages()) }
  }

  /** Those since the last time. */
  async #passages(): Promise<Passage[]> {
    const far = (await (await fetch(`${this.#relay.origin}/passages`)).json()) as RawPassage[]
    const written = await readFile(this.#tapFile, 'utf8').catch(() => '')
    const lines = written.slice(this.#readChars).split('\n')
    this.#readChars = written.length
    const near = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as RawPassage)
    return [...far, ...near].map(({ stack, ...passage }) => ({ ...passage, files: this.#filesOf(stack) }))
  }

  #filesOf(stack: string): string[] {
    const here = `${pathToFileURL(ROOT).href}/`
    return stack
      .split('\n')
      .flatMap((line) => {
        const [, url = '', at = '0'] = /([^\s()]+):(\d+):\d+\)?$/.exec(line) ?? []
        const file = url === 'worker.js' ? this.#moduleOf(Number(at) - 1) : url.replace(here, '')
        return SOURCE.test(file) ? [file] : []
      })
      .toReversed()
  }
}
