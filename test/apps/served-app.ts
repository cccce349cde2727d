/** A program with a web page, shared as its users share it, and open in a browser. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort, portOpen } from '../../bench/contenders/contender.ts'
import { asObject, textField } from '../harness/json.ts'
import { Program, type ProgramOptions } from '../harness/program.ts'
import { createShare, type Relay, startAgent } from '../harness/selfhost.ts'
import { Browser } from './browser.ts'

export interface AppCommand {
  readonly command: string
  readonly args: (port: number) => readonly string[]
  readonly options: ProgramOptions
}

export interface ServedApp {
  readonly browser: Browser
  readonly program: Program
  /** Where the app itself listens, and under which origin the browser has it. */
  readonly localOrigin: string
  readonly origin: string
  readonly webUrl: string
}

/** Writes the files of a project, by their paths below `root`. */
export async function writeProject(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, name)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, text)
  }
}

/** Starts the program, shares it with `agentArgs` beside --http, opens it in a browser, and hands all of it to `prove`. */
export async function withApp(
  relay: Relay,
  { command, args, options }: AppCommand,
  prove: (app: ServedApp) => Promise<void>,
  agentArgs: readonly string[] = [],
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const port = await freePort()
  const program = stack.use(new Program(command, args(port), options))
  const ended = program.exited.then(({ code }) => {
    throw new Error(`the program ended with ${code}:\n${program.stdout.tail()}\n${program.stderr.tail()}`)
  })
  ended.catch(() => {})
  await Promise.race([untilOpen(port), ended])
  const share = await createShare(relay)
  const localOrigin = `http://localhost:${port}`
  stack.use(await startAgent(share, { args: ['--http', localOrigin, ...agentArgs] }))
  const made = await relay.api('POST', `shares/${share.id}/tokens`, { kind: 'key', policy: { access: 'admin' } })
  const webUrl = textField(asObject(await made.json()), 'web_url')
  const browser = stack.use(await Browser.start())
  await browser.open(webUrl)
  await prove({ browser, program, localOrigin, origin: new URL(webUrl).origin, webUrl })
}

async function untilOpen(port: number): Promise<void> {
  // Ports of programs that compile first open late.
  for (let tries = 1; ; tries++) {
    try {
      return await portOpen(port)
    } catch (error) {
      if (tries === 3) throw error
      await delay(100)
    }
  }
}
