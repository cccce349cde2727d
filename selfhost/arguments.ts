/** Divides the command line of `npm start` among its own options, the agent's, and the command of the server. No I/O. */

/** An option, by its long name without dashes. */
export interface KnownOption {
  readonly name: string
  readonly takesValue: boolean
}

export interface Divided {
  readonly own: readonly string[]
  readonly agent: readonly string[]
  readonly command: readonly string[]
}

/**
 * The command begins behind `--`, or with the first word that is no option: nothing else can begin there, and people forget
 * the dashes. What nobody knows is left to `own`, whose reader names it. An option of both goes to both.
 */
export function divideArguments(args: readonly string[], own: readonly KnownOption[], agent: readonly KnownOption[]): Divided {
  const divided = { own: [] as string[], agent: [] as string[] }
  let at = 0
  for (let arg = args[at]; arg?.startsWith('-') === true && arg !== '--'; arg = args[at]) {
    const name = arg.slice(2).split('=')[0]
    const known = [own, agent].map((options) => options.find((option) => option.name === name))
    const [isOwn, isAgents] = known.map((option) => option !== undefined)
    const hasValueBehind = !arg.includes('=') && known.some((option) => option?.takesValue === true)
    const words = args.slice(at, at + (hasValueBehind ? 2 : 1))
    if (isOwn === true || isAgents !== true) divided.own.push(...words)
    if (isAgents === true) divided.agent.push(...words)
    at += words.length
  }
  return { ...divided, command: args.slice(args[at] === '--' ? at + 1 : at) }
}
