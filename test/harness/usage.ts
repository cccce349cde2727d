/** The command line of runners that have no options: `--help` prints what they do, anything else is refused. */
import { parseArgs } from 'node:util'

/** Ends the process with code 0 behind the usage, or with 2 where anything but `--help` is given. */
export function readHelpOnly(usage: string): void {
  try {
    if (parseArgs({ options: { help: { type: 'boolean', default: false } } }).values.help) {
      console.log(usage)
      process.exit(0)
    }
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`)
    process.exit(2)
  }
}
