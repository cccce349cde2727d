/** Takes the contenders through the cases: starts them, warms them up, interleaves their rounds, ends them. */
import { NODE } from '../test/harness/program.ts'
import type { Case, Pace, Prepared, Subject } from './cases/case.ts'
import { type Contender, type Running, StartFailure } from './contenders/contender.ts'
import { type Figures, medians } from './report/figures.ts'
import { CACHE_DIR } from './contenders/peer-packages.ts'
import type { CaseResult, Outcome } from './report/results.ts'

/** A contender on its way through a case. */
interface Entry {
  readonly contender: Contender
  readonly rounds: Figures[]
  running?: Running
  prepared?: Prepared
  failed?: { readonly reason: string; readonly commands: readonly string[] }
}

export class Runner implements AsyncDisposable {
  readonly #childFile: string
  readonly #pace: Pace
  readonly #standing = new Map<string, Running>()

  constructor(childFile: string, pace: Pace) {
    this.#childFile = childFile
    this.#pace = pace
  }

  async run(one: Case, contenders: readonly Contender[]): Promise<CaseResult> {
    const isIn = ({ name }: Contender): boolean =>
      one.contenders.includes(name) && !(this.#pace.isQuick && one.notQuick?.includes(name) === true)
    const entries = contenders.filter(isIn).map((contender): Entry => ({ contender, rounds: [] }))
    const rounds = this.#pace.isQuick ? 1 : (one.rounds ?? this.#pace.rounds)
    try {
      if (one.processes === 'alone') {
        for (const entry of entries) {
          await this.#prepare(one, entry)
          for (let round = 0; round < rounds; round++) await this.#round(entry)
          await this.#end(one, entry)
        }
      } else {
        for (const entry of entries) await this.#prepare(one, entry)
        for (let round = 0; round < rounds; round++) {
          if (one.together) await Promise.all(entries.map((entry) => this.#round(entry)))
          else for (const entry of entries) await this.#round(entry)
        }
      }
    } finally {
      for (const entry of entries) await this.#end(one, entry)
    }
    const { name, title, columns } = one
    return { name, title, columns, outcomes: entries.map((entry) => this.#outcome(entry)) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#standing.values()].map((running) => running[Symbol.asyncDispose]()))
    this.#standing.clear()
  }

  async #prepare(one: Case, entry: Entry): Promise<void> {
    await attempt(entry, async () => {
      entry.running = await this.#start(one, entry.contender)
      const subject: Subject = { name: entry.contender.name, running: entry.running, childFile: this.#childFile }
      entry.prepared = await one.prepare(subject, this.#pace)
    })
  }

  async #round(entry: Entry): Promise<void> {
    const { prepared } = entry
    if (prepared === undefined || entry.failed !== undefined) return
    await attempt(entry, async () => void entry.rounds.push(await prepared.round(this.#pace.roundMs)))
  }

  /** May be called again. */
  async #end(one: Case, entry: Entry): Promise<void> {
    const { prepared, running } = entry
    delete entry.prepared
    delete entry.running
    // A contender that has failed may not even say goodbye.
    try {
      await prepared?.[Symbol.asyncDispose]()
    } catch (error) {
      entry.failed ??= { reason: `at the end: ${describe(error)}`, commands: running?.commands ?? [] }
    }
    if (running === undefined || (one.processes === 'standing' && entry.failed === undefined)) return
    if (one.processes === 'standing') this.#standing.delete(entry.contender.name)
    await running[Symbol.asyncDispose]()
  }

  async #start(one: Case, contender: Contender): Promise<Running> {
    const standing = one.processes === 'standing' ? this.#standing.get(contender.name) : undefined
    if (standing !== undefined) return standing
    const server = [NODE, this.#childFile] as const
    const running = await contender.start({ ...one.start, command: one.start?.modern === true ? [...server, '--modern'] : [...server] })
    if (one.processes === 'standing') this.#standing.set(contender.name, running)
    return running
  }

  #outcome({ contender, rounds, failed }: Entry): Outcome {
    if (failed === undefined) return { contender: contender.name, figures: medians(rounds), rounds: rounds.length }
    return {
      contender: contender.name,
      failed: plain(failed.reason, this.#childFile),
      commands: failed.commands.map((line) => plain(line, this.#childFile)),
    }
  }
}

async function attempt(entry: Entry, action: () => Promise<void>): Promise<void> {
  try {
    await action()
  } catch (error) {
    const commands = error instanceof StartFailure ? error.commands : (entry.running?.commands ?? [])
    entry.failed = { reason: describe(error), commands }
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
}

/** Nothing of this machine's folders. */
function plain(text: string, childFile: string): string {
  return text.replaceAll(childFile, 'bench/child.ts').replaceAll(NODE, 'node').replaceAll(CACHE_DIR, '$CACHE')
}
