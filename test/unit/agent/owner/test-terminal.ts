/** A terminal for tests of the owner's commands: what is written to it is kept, and what it answers is given. */
import type { Terminal } from '../../../../agent/owner/terminal.ts'

export interface TestTerminal extends Terminal {
  written: string
  noted: string
  /** How long it was to wait, each time; it does not. */
  readonly pauses: number[]
}

export function testTerminal(parts: Partial<Terminal> & { readonly answers?: string[] } = {}): TestTerminal {
  const { answers = [], ...given } = parts
  const terminal: TestTerminal = {
    written: '',
    noted: '',
    pauses: [],
    pause: (ms) => Promise.resolve(void terminal.pauses.push(ms)),
    write: (text) => void (terminal.written += text),
    note: (text) => void (terminal.noted += text),
    ask: (question) => {
      terminal.noted += question
      return Promise.resolve(answers.shift() ?? '')
    },
    left: new AbortController().signal,
    now: () => new Date(2026, 10, 29, 15, 30),
    columns: 80,
    variables: {},
    platform: 'linux',
    home: '/nowhere',
    program: 'mcp-edge-agent',
    ...given,
  }
  return terminal
}
