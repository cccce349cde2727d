/** The commands of a foreign client (see foreign-client.ts): reads them from stdin and answers each with one JSON line. */
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { asObject, type JsonObject, textField } from '../../../harness/json.ts'

/** What a library makes of each command; `call` resolves with the text of the first content. */
interface LibraryClient {
  connect(): Promise<string>
  list(): Promise<string[]>
  call(name: string, args: JsonObject): Promise<string>
  close(): Promise<void>
}

const { env } = process

export const URL_OF_SHARE = env['MCP_URL'] ?? ''
export const TRANSPORT = env['MCP_TRANSPORT'] === 'sse' ? 'sse' : 'http'
export const BEARER_HEADERS: Record<string, string> = env['MCP_BEARER'] ? { authorization: `Bearer ${env['MCP_BEARER']}` } : {}

/** Loads a package from where the driver had it installed. Each program names the little that it uses of its package. */
export function loadPackage(name: string): unknown {
  return createRequire(join(env['MCP_PACKAGES'] ?? '', 'index.js'))(name)
}

/** All that an error says, with the data of a JSON-RPC error and what it was made for. */
function said(error: unknown): string {
  if (!(error instanceof Error)) return JSON.stringify(error) ?? String(error)
  const data = 'data' in error ? ` ${JSON.stringify(error.data)}` : ''
  const cause = error.cause === undefined ? '' : ` <- ${said(error.cause)}`
  return `${error.name}: ${error.message}${data}${cause}`
}

let isConnected = false

async function answer(client: LibraryClient, asks: readonly [name: string, args: JsonObject][], line: string): Promise<unknown> {
  const [command = '', ...rest] = line.split(' ')
  switch (command) {
    case 'connect':
      // A second connect, for libraries that do not recover by themselves, ends the first; how that goes is no matter.
      if (isConnected) await client.close().catch((error: unknown) => console.error(`close: ${said(error)}`))
      isConnected = true
      return await client.connect()
    case 'list':
      return await client.list()
    case 'call': {
      const call = asObject(JSON.parse(rest.join(' ')))
      return await client.call(textField(call, 'name'), asObject(call['arguments']))
    }
    case 'ask': {
      const texts: string[] = []
      for (const [name, args] of asks) texts.push(await client.call(name, args))
      return texts.join(' ')
    }
    case 'close':
      await client.close()
      return null
    default:
      throw new Error(`no command ${command}`)
  }
}

/** Serves commands until stdin ends. `asks` are the calls of tools that ask, in turn. */
export async function serveCommands(client: LibraryClient, asks: readonly [name: string, args: JsonObject][]): Promise<void> {
  // What a library leaves unhandled is not the end of the program: the next command shows what still works.
  process.on('unhandledRejection', (error) => console.error(`unhandled: ${said(error)}`))
  process.on('uncaughtException', (error) => console.error(`uncaught: ${said(error)}`))
  for await (const line of createInterface({ input: process.stdin })) {
    const reply = await answer(client, asks, line).then(
      (value) => ({ ok: true, value }),
      (error: unknown) => ({ ok: false, error: said(error) }),
    )
    process.stdout.write(`${JSON.stringify(reply)}\n`)
  }
}

export const ELICIT: [string, JsonObject] = ['elicit', { message: 'who' }]
