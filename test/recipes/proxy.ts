/** A reverse proxy of recipes/, as it is there but for names, ports and paths, which are this machine's. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ROOT, run } from '../harness/program.ts'

export interface RunningProxy extends AsyncDisposable {
  /** What vouches for its certificate, in PEM. */
  readonly authorityFile: string
}

export interface ReverseProxy {
  readonly name: string
  /** Programs that it needs, with the arguments by which they say their version. */
  readonly programs: readonly (readonly [program: string, ...args: string[]])[]
  /** Starts it at `https://localhost:<port>` before the relay at `relayPort`, with what it writes in `folder`. */
  readonly start: (at: { readonly port: number; readonly relayPort: number; readonly folder: string }) => Promise<RunningProxy>
}

/** The name in the recipes. */
export const RECIPE_HOST = 'mcp.example.com'
export const RECIPE_RELAY = '127.0.0.1:8787'

/**
 * A recipe's text with other words in it.
 *
 * @throws Error when it does not have one of them any more.
 */
export async function recipe(file: string, changes: Readonly<Record<string, string>>): Promise<string> {
  let text = await readFile(join(ROOT, 'recipes', file), 'utf8')
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`recipes/${file} has no ${from}`)
    text = text.replaceAll(from, to)
  }
  return text
}

/** What a program says of its version, or undefined when it is not here. */
export async function versionOf([program, ...args]: readonly [string, ...string[]]): Promise<string | undefined> {
  const ended = await run(program, args).catch(() => undefined)
  return ended?.code === 0 ? `${ended.stdout}\n${ended.stderr}`.trim().split('\n')[0] || program : undefined
}
