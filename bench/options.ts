/** The command line of `npm run bench`. */
import { parseArgs } from 'node:util'

export const USAGE = `npm run bench -- [options]

Ours and the peers side by side: same client, same server, rounds interleaved, medians.

  --quick        fewer and shorter rounds (within 3 minutes; the full run takes 12 at most)
  --long         the 45 s silent call as well
  --case A,B     only these cases
  --peer A,B     only these contenders; "ours" means all variants of ours
  --no-install   use the peers as an earlier run has installed them
  --list         print the names of cases and contenders
  --help         print this

npm run bench -- trust       what policies and limits cost (--help says how)
npm run bench -- web         a web app, beside pipenet and beside no tunnel (--help says how)
npm run bench -- long-poll   what a call costs more where no WebSocket gets through (--help says how)

A whole run writes bench/results.json and docs/bench-*.svg; one with --case or --peer prints only.`

export interface BenchOptions {
  readonly quick: boolean
  readonly long: boolean
  readonly cases: readonly string[] | undefined
  readonly peers: readonly string[] | undefined
  readonly install: boolean
  readonly list: boolean
  readonly help: boolean
}

/** @throws {TypeError} for what it does not know. */
export function readBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    allowNegative: true,
    options: {
      quick: { type: 'boolean', default: false },
      long: { type: 'boolean', default: false },
      case: { type: 'string' },
      peer: { type: 'string' },
      install: { type: 'boolean', default: true },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { quick, long, install, list, help } = values
  return { quick, long, cases: values.case?.split(','), peers: values.peer?.split(','), install, list, help }
}
