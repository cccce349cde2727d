/** `npm run recipes`: nginx and Caddy, as recipes/ has them, in front of a real relay; one that is not installed is named. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { freePort } from '../../bench/contenders/contender.ts'
import { readHelpOnly } from '../harness/usage.ts'
import { createShare, fixture, startAgent, startRelay, StateFolder } from '../harness/selfhost.ts'
import { caddy } from './caddy.ts'
import { nginx } from './nginx.ts'
import { PROOFS } from './proofs.ts'
import { type ReverseProxy, versionOf } from './proxy.ts'

const USAGE = `npm run recipes

Runs nginx and Caddy, as recipes/ has them, before a real relay with an agent, and proves that streams, silence, large bodies, WebSockets
and addresses pass, and that no log has a secret. Takes some two minutes. What is not installed is named, and does not fail.
Exit codes: 0 all that ran passed, 1 a proof failed, 2 wrong usage.`

readHelpOnly(USAGE)

type Outcome = 'passed' | 'failed' | 'did not run'

/** All proofs behind one proxy. */
async function runBehind(proxy: ReverseProxy): Promise<Outcome[]> {
  const { name, programs, start } = proxy
  for (const program of programs) {
    const version = await versionOf(program)
    console.log(version === undefined ? `${name} did not run: ${program[0]} is not installed` : `${name}: ${version}`)
    if (version === undefined) return ['did not run', ...PROOFS.map((): Outcome => 'did not run')]
  }
  await using stack = new AsyncDisposableStack()
  const folder = join(stack.use(await StateFolder.create()).path, 'proxy')
  const [port, relayPort] = [await freePort(), await freePort()]
  const { authorityFile } = stack.use(await start({ port, relayPort, folder }))
  setDefaultCACertificates([...getCACertificates('default'), await readFile(authorityFile, 'utf8')])
  const addresses = { ADDRESS_HEADER: 'X-Forwarded-For', TRUSTED_PROXIES: '127.0.0.1' }
  const relay = stack.use(await startRelay(['--port', String(relayPort), '--public-url', `https://localhost:${port}`], addresses))
  const share = await createShare(relay)
  const agent = stack.use(await startAgent(share, { command: fixture('echo'), env: { NODE_EXTRA_CA_CERTS: authorityFile } }))
  console.log(`ok      ${name}: an agent's WebSocket passes`)
  const outcomes: Outcome[] = ['passed']
  for (const { says, prove } of PROOFS) outcomes.push(await attempt(`${name}: ${says}`, () => prove({ share, agent, folder })))
  return outcomes
}

async function attempt(what: string, prove: () => Promise<void>): Promise<Outcome> {
  try {
    await prove()
    console.log(`ok      ${what}`)
    return 'passed'
  } catch (error) {
    console.log(`FAILED  ${what}\n${error instanceof Error ? error.message.slice(0, 2000) : String(error)}`)
    return 'failed'
  }
}

/** One that does not come up is a failure like any other. */
async function runOrFail(proxy: ReverseProxy): Promise<Outcome[]> {
  return await runBehind(proxy).catch((error: unknown) => {
    console.log(`FAILED  ${proxy.name}\n${error instanceof Error ? error.message : String(error)}`)
    return ['failed']
  })
}

// Both at once: most of the time is waiting.
const outcomes = (await Promise.all([nginx, caddy].map(runOrFail))).flat()
const count = (outcome: Outcome): number => outcomes.filter((one) => one === outcome).length
console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('did not run')} did not run`)
process.exitCode = count('failed') === 0 ? 0 : 1
