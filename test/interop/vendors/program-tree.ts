/** Owns a program that ends with all it has started: vendors start their real program from a script that leaves it behind. */
import { within } from '../../harness/deadline.ts'
import { descendants, isAlive } from '../../harness/processes.ts'
import { Program } from '../../harness/program.ts'

export class ProgramTree extends Program {
  /**
   * What it has printed when it has ended.
   *
   * @throws Error with that when it fails, or does not end in time.
   */
  async output(boundMs: number): Promise<string> {
    try {
      const { code } = await within(this.exited, 'its end', boundMs)
      if (code !== 0) throw new Error(`exit ${code}`)
      return [...this.stdout.lines, ...this.stderr.lines].join('\n')
    } catch (error) {
      throw new Error(`${String(error)}\n${this.stdout.tail()}\n${this.stderr.tail()}`, { cause: error })
    }
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running) return
    const below = descendants(this.pid)
    await this.kill9()
    for (const pid of below.filter(isAlive)) process.kill(pid, 'SIGKILL')
  }
}
