/** The exit codes of the program, and the error that carries one. */

export const EXIT = {
  /** Stopped by a signal, in good order. */
  OK: 0,
  /** Wrong arguments, or a token that is none. */
  USAGE: 1,
  /** The relay refused the token, or an owner is not logged in. */
  AUTH: 3,
  /** The relay could not be reached within --max-retries, or speaks another version. */
  UNREACHABLE: 4,
  /** The command of the server does not exist. */
  CHILD: 5,
  /** The relay ended this agent for good: replaced, name refused, share gone. */
  ENDED: 6,
  /** Of an owner's command: there is no such share, token, person, session or owner. */
  NOT_FOUND: 7,
  /** Of an owner's command: the relay refuses it, and says why. */
  REFUSED: 8,
  /** Of an owner's command: it holds, and not every lane of the share has heard yet. */
  UNFINISHED: 9,
  /** A fault in the agent itself. */
  INTERNAL: 70,
  /** A second signal: ended at once. */
  FORCED: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** An end of the agent that a person can do something about; the message says what. */
export class AgentExit extends Error {
  readonly exit: ExitCode
  /** Stable name for programs, `code` in the `--json` error line. */
  readonly code: string

  constructor(exit: ExitCode, code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AgentExit'
    this.exit = exit
    this.code = code
  }
}

/** That something of the command line, or of what stands in its place, is wrong. `message` names it, and says what it takes. */
export function usageError(message: string, options?: ErrorOptions): AgentExit {
  return new AgentExit(EXIT.USAGE, 'USAGE', message, options)
}
