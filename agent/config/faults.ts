/** Collects what is wrong with options or a file, so that whoever mends it is told of all at once. */
import { AgentExit } from '../exit.ts'

export class Faults {
  readonly #found: AgentExit[] = []

  /** What comes of it, alone; nothing where it is wrong, which is kept. Any other error goes on. */
  collect<T>(make: () => T): [T] | [] {
    try {
      return [make()]
    } catch (error) {
      if (!(error instanceof AgentExit)) throw error
      this.#found.push(error)
      return []
    }
  }

  /** One more. */
  add(fault: AgentExit): void {
    this.#found.push(fault)
  }

  /** @throws {AgentExit} as `throwAll`, if anything was wrong. */
  throwAny(): void {
    if (this.#found.length > 0) this.throwAll()
  }

  /** @throws {AgentExit} that says all that was wrong, a line each, nothing twice; by the exit code of the first. */
  throwAll(): never {
    const [first, ...others] = this.#found
    if (first === undefined) throw new Error('nothing is wrong')
    if (others.length === 0) throw first
    const lines = new Set(this.#found.flatMap(({ message }) => message.split('\n')))
    throw new AgentExit(first.exit, first.code, [...lines].join('\n'))
  }
}

/**
 * What each of several makes, by its name. All are tried, also where one is wrong.
 *
 * @throws {AgentExit} that says all that was wrong, a line each.
 */
export function allOf<Made extends object>(makes: { readonly [Name in keyof Made]: () => Made[Name] }): Made {
  const faults = new Faults()
  const made = Object.entries<() => unknown>(makes).flatMap(([name, make]) => faults.collect(make).map((value) => [name, value] as const))
  faults.throwAny()
  return Object.fromEntries(made) as Made
}
