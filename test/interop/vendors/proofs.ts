/** The vendors' own command lines, each proof in a network namespace that has loopback only, so that nothing can leave. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NODE, ROOT } from '../../harness/program.ts'
import type { Proof } from '../proof.ts'
import type { Way } from '../sdks/foreign-client.ts'
import type { CommandLine } from './command-line.ts'
import { COMMAND_LINES } from './command-lines.ts'
import { needsPackage } from './installed.ts'
import { needsNamespace, onLoopbackOnly } from './namespace.ts'
import { ProgramTree } from './program-tree.ts'
import type { Subject } from './vendor-proof.ts'

/** Two starts of relay and agent, and four of the command line, on a busy machine. */
const PROOF_MS = 300_000

/** A proof's environment: nothing of the user's, so that no key of his reaches a vendor's program. */
function bareEnvironment(home: string): Record<string, string | undefined> {
  const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]))
  return { ...none, PATH: process.env['PATH'], HOME: home, LANG: 'C.UTF-8', TERM: 'dumb', NO_COLOR: '1' }
}

async function proveInNamespace(commandLine: CommandLine, subject: Subject, { transport, by }: Way): Promise<void> {
  const home = await mkdtemp(join(tmpdir(), 'mcp-edge-vendors-'))
  const script = join(ROOT, 'test/interop/vendors/inside.ts')
  const [name, ...args] = onLoopbackOnly([NODE, script, commandLine.name, subject, transport, by])
  try {
    await using program = new ProgramTree(name, args, { env: bareEnvironment(home) })
    const output = await program.output(PROOF_MS)
    for (const line of output.split('\n').filter(Boolean)) console.log(`    ${line}`)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

const WAYS: readonly Way[] = [
  { transport: 'http', by: 'key' },
  { transport: 'http', by: 'bearer' },
  { transport: 'sse', by: 'key' },
  { transport: 'sse', by: 'bearer' },
]

function vendorProof(commandLine: CommandLine, subject: Subject, way: Way): Proof {
  const lacks = commandLine.lacks[way.transport]
  return {
    name: `${commandLine.name} ${commandLine.version}, ${subject} by ${way.by} over ${way.transport}, through a restart`,
    needs: async () => lacks ?? (await needsNamespace()) ?? (await needsPackage(commandLine)),
    run: () => proveInNamespace(commandLine, subject, way),
  }
}

const SUBJECTS: readonly Subject[] = ['connection', 'prompt']

function signInProof(commandLine: CommandLine): Proof {
  const { needs, run } = vendorProof(commandLine, 'sign-in', { transport: 'http', by: 'bearer' })
  return { name: `${commandLine.name} ${commandLine.version}, signing in, with a scripted browser`, ...(needs && { needs }), run }
}

export const vendorProofs: readonly Proof[] = COMMAND_LINES.flatMap((commandLine) => [
  ...SUBJECTS.flatMap((subject) => WAYS.map((way) => vendorProof(commandLine, subject, way))),
  signInProof(commandLine),
])
