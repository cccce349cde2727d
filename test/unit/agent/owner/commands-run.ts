/** Runs one owner's command against an API that a test scripts, as an owner who is known by a variable. */
import { runOwner } from '../../../../agent/owner/program.ts'
import { type Replies, shareBody, TestApi } from './test-api.ts'
import { type TestTerminal, testTerminal } from './test-terminal.ts'

export const SHARE = shareBody('c')
/** Where the share named docs is. */
export const AT = `shares/${String(SHARE['share'])}`

export interface Ran extends TestTerminal {
  readonly asked: readonly string[]
  /** Of the last request. */
  readonly body: unknown
  /** Why it ended, unless it did well. */
  readonly error: unknown
}

export async function ran(line: string, replies: Replies = {}, parts: Parameters<typeof testTerminal>[0] = {}): Promise<Ran> {
  await using relay = await TestApi.start({ 'GET shares': { body: { shares: [SHARE] } }, ...replies })
  const terminal = testTerminal({ variables: { MCP_EDGE_OWNER_TOKEN: 't', MCP_EDGE_RELAY: relay.origin }, ...parts })
  const error: unknown = await runOwner(line.split(' '), terminal).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  const body = relay.asked.at(-1)?.body ?? ''
  return Object.assign(terminal, {
    error,
    asked: relay.asked.map(({ call }) => call),
    body: body === '' ? undefined : (JSON.parse(body) as unknown),
  })
}
