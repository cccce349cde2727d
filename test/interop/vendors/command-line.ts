/** What is known of one vendor's command line: its package, how it is told of a server, asked for its state, and prompted. */
import type { Way } from '../sdks/foreign-client.ts'
import type { ModelApi } from './model-api.ts'

/** How the server is reached; the bearer token goes in an Authorization header, where the link has no key. */
export interface ServerAddress {
  readonly transport: Way['transport']
  readonly url: string
  readonly bearer: string | undefined
  /** Its person is to sign in there. */
  readonly signsIn?: true
}

/** A command line that is installed, with a home of its own. */
export interface Terminal {
  readonly home: string
  /**
   * Runs it to its end and returns what it printed.
   *
   * @throws Error when it fails.
   */
  readonly run: (args: readonly string[]) => Promise<string>
  /** Starts it, writes the lines to its stdin, and returns the first line of its output that matches. */
  readonly ask: (args: readonly string[], lines: readonly string[], pattern: RegExp) => Promise<string>
}

/** How a vendor's command line has its person sign in at a server. */
export interface SignInCommand {
  /** What its own list of servers says before that. */
  readonly before: RegExp
  /** Arguments that begin it, in a terminal. */
  readonly args: readonly string[]
  /** What a person types when it asks whether to go on. */
  readonly typed?: string
  /** Where adding a server begins it too: the settings that adding would have made. */
  readonly addServer?: (terminal: Terminal, url: string, modelUrl: string) => Promise<void>
}

export interface CommandLine {
  readonly name: string
  /** The package of npm, its newest release when this was written, and its program within. */
  readonly package: string
  readonly version: string
  readonly program: string
  readonly api: ModelApi
  /** Why a transport cannot be tried, where the vendor has not got it. */
  readonly lacks: Partial<Readonly<Record<ServerAddress['transport'], string>>>
  /** Why the first call after a lost connection fails in the client itself, where it does; the model makes it again then. */
  readonly failsOnce: Partial<Readonly<Record<ServerAddress['transport'], string>>>
  /** What the server may ask it in a call, by the tool that asks, and a part of what it answers when a script runs it. */
  readonly answers: Partial<Readonly<Record<'elicit' | 'roots', string>>>
  /** Variables for all its runs: they point it at the model, and keep it from what needs the world. */
  readonly environment: (modelUrl: string, address: ServerAddress) => Readonly<Record<string, string>>
  /** Makes the settings that a user would have made, and adds the server by the vendor's own command. */
  readonly addServer: (terminal: Terminal, address: ServerAddress, modelUrl: string) => Promise<void>
  /**
   * What the vendor's own command says of the connection.
   *
   * @throws Error with what it printed, unless it says that there is one.
   */
  readonly connected: (terminal: Terminal) => Promise<string>
  readonly signIn: SignInCommand
  /** Arguments that have it answer one prompt and end; the answer is on stdout. */
  readonly prompt: (text: string) => readonly string[]
}

/**
 * The line of an output that matches.
 *
 * @throws Error with the output when none does.
 */
export function lineWith(output: string, pattern: RegExp): string {
  const line = output.split('\n').find((text) => pattern.test(text))
  if (line === undefined) throw new Error(`no line ${String(pattern)} in:\n${output}`)
  return line.trim()
}
