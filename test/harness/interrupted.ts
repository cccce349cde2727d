/** Owns the end of a runner that is interrupted: the programs it has started end, and the folders it has made are removed. */
import { Program } from './program.ts'
import { StateFolder } from './selfhost.ts'

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/** From now on Ctrl-C ends this process only when all is taken down; a second one ends it at once. */
export function endOnSignal(): void {
  for (const [name, code] of Object.entries(SIGNALS)) process.once(name, () => void takeDown(code))
}

async function takeDown(code: number): Promise<void> {
  // What is under way fails for want of what is being taken down.
  process.on('uncaughtException', () => {})
  while (Program.running.size > 0) await Promise.allSettled([...Program.running].map((program) => program.stop()))
  await Promise.allSettled([...StateFolder.open].map((folder) => folder[Symbol.asyncDispose]()))
  process.exit(code)
}
