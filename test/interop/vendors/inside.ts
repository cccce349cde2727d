/** Runs one proof of a vendor's command line and prints what it has seen: only in a namespace with loopback only. */
import { COMMAND_LINES } from './command-lines.ts'
import { expectLoopbackOnly } from './namespace.ts'
import { prove } from './vendor-proof.ts'

expectLoopbackOnly()
const [name, subject, transport, by] = process.argv.slice(2)
const commandLine = COMMAND_LINES.find((one) => one.name === name)
if (commandLine === undefined) throw new Error(`no command line ${name}`)
if (subject !== 'connection' && subject !== 'prompt' && subject !== 'sign-in') throw new Error(`no subject ${subject}`)
if ((transport !== 'http' && transport !== 'sse') || (by !== 'key' && by !== 'bearer')) throw new Error(`no way ${transport} ${by}`)
await prove(subject, commandLine, { transport, by })
