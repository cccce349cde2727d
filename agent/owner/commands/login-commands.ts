/** `login` and `logout`: whose relay this program speaks to. Secrets are asked for, never given as arguments. */
import type { Command } from 'commander'
import { AgentExit, EXIT } from '../../exit.ts'
import { accountFile, readAccounts, relayOrigin, writeAccounts } from '../account.ts'
import { listOf, textOf } from '../answers.ts'
import { OwnerApi } from '../api-client.ts'
import type { OwnerRun, StartRun } from '../owner-run.ts'
import { isLoopback } from '../../config/token.ts'

export function addLoginCommands(program: Command, start: StartRun): void {
  program
    .command('login <relay>')
    .description('claims a fresh relay, or stores the owner token of one that has an owner')
    .addHelpText(
      'after',
      `
A relay that nobody owns yet writes a claim code to its log, and this command asks for it.
Else it asks for your owner token, or takes MCP_EDGE_OWNER_TOKEN. Both may be piped in.

Examples:
  $ mcp-edge-agent login https://mcp-edge.example.workers.dev
  $ mcp-edge-agent login https://mcp-edge.example.workers.dev < owner-token.txt`,
    )
    .action(async (relay: string, _options: object, command: Command) => login(start(command), relay))
  program
    .command('logout [relay]')
    .description('forgets the owner token of a relay: the one of the last login, if none is named')
    .action((relay: string | undefined, _options: object, command: Command) => logout(start(command), relay))
}

async function login(run: OwnerRun, named: string): Promise<void> {
  const relay = relayOrigin(named)
  if (relay.startsWith('http:') && !isLoopback(new URL(relay)))
    run.remark(`${relay} is not encrypted: whoever is on the way can read your owner token.`)
  const file = accountFile(run.terminal)
  // A claim cannot be made again: what would lose its answer is found before.
  writeAccounts(file, readAccounts(file))
  const isClaimed = await hasOwner(relay, run.program)
  const token = isClaimed ? await enteredToken(run, relay) : await claim(run, relay)
  writeAccounts(file, { current: relay, tokens: { ...readAccounts(file).tokens, [relay]: token } })
  run.show(
    { relay, claimed: !isClaimed, file },
    () => `${isClaimed ? `Logged in at ${relay}.` : `${relay} is yours.`} The owner token is in ${file}
Make a share: ${run.program} share create --name docs
`,
  )
}

/** A relay without an owner answers nothing but that. */
async function hasOwner(relay: string, program: string): Promise<boolean> {
  try {
    await new OwnerApi({ relay }, program).request('GET', 'shares')
  } catch (error) {
    if (error instanceof AgentExit && error.code === 'RELAY_UNCLAIMED') return false
    if (!(error instanceof AgentExit) || error.code !== 'OWNER_KEY_NEEDED') throw error
  }
  return true
}

async function claim(run: OwnerRun, relay: string): Promise<string> {
  const api = new OwnerApi({ relay }, run.program)
  await api.request('POST', 'claim')
  run.remark(
    `${relay} has no owner yet, and has written "claim code: …" to its log (npx wrangler tail, or the terminal that it runs in). The code lasts 10 minutes.`,
  )
  const code = await run.terminal.ask('Claim code: ', false)
  if (code === '')
    throw new AgentExit(EXIT.USAGE, 'CLAIM_CODE_MISSING', 'No claim code was given. Log in again, and enter the code of the log.')
  const answer = await api.request('POST', 'claim', { code: code.replace(/^claim code:\s*/i, '') })
  return textOf(answer, 'owner_token')
}

/** The token that the owner gives, once the relay has taken it. */
async function enteredToken(run: OwnerRun, relay: string): Promise<string> {
  const given = run.terminal.variables['MCP_EDGE_OWNER_TOKEN']?.trim() ?? ''
  const token = given === '' ? await run.terminal.ask(`Owner token of ${relay}: `, true) : given
  if (!/^[\x21-\x7e]+$/.test(token))
    throw new AgentExit(
      EXIT.USAGE,
      'OWNER_TOKEN_MISSING',
      token === ''
        ? 'No owner token was given. Log in again, and enter the one that the relay or its deployer gave you.'
        : 'This is no owner token. Copy it whole, without white space.',
    )
  listOf(await new OwnerApi({ relay, token }, run.program).request('GET', 'shares'), 'shares')
  return token
}

function logout(run: OwnerRun, named: string | undefined): void {
  const file = accountFile(run.terminal)
  const { current, tokens } = readAccounts(file)
  const wanted = named ?? run.relay
  const relay = wanted === undefined ? current : relayOrigin(wanted)
  const isKnown = relay !== undefined && tokens[relay] !== undefined
  if (isKnown) {
    const left = Object.fromEntries(Object.entries(tokens).filter(([origin]) => origin !== relay))
    writeAccounts(file, { tokens: left, ...(current === undefined || current === relay ? {} : { current }) })
  }
  // A claim leaves its token in this file alone: who forgets it unseen has lost the relay.
  const token = isKnown ? { owner_token: tokens[relay] } : {}
  run.show({ relay: relay ?? null, logged_out: isKnown, ...token }, () =>
    isKnown
      ? `Logged out of ${relay}. The owner token still holds, and is kept here no more. Keep it, if you mean to come back:\n\n  ${tokens[relay]}\n`
      : `Not logged in${relay === undefined ? '' : ` at ${relay}`}.\n`,
  )
}
