/** The way of a message through our source files, put together from the stacks at which it was handed over. Pure. */

export type Place = 'Worker' | 'Share' | 'agent'
export type Direction = 'down' | 'up'

/** A stack at which a message was handed over, or `isTaken` out of where it had waited. */
export interface Passage {
  readonly direction: Direction
  readonly isTaken: boolean
  /** Source files of the project, the outermost call first. */
  readonly files: readonly string[]
}

/** What one place does with a message on its way down or up. */
export interface Stage {
  readonly place: Place
  readonly direction: Direction
  /** In the order in which the message comes to them. */
  readonly files: readonly string[]
  /** Files that a stack leaves and enters again. */
  readonly reentered: readonly string[]
}

export interface Way {
  readonly title: string
  readonly stages: readonly Stage[]
}

export const MAX_FILES = 5

/** Pure: they are given a message, or a part of one, and give one back. */
const LEFT_OUT = /^(protocol|worker\/bridge)\//
const DOWN = ['Worker', 'Share', 'agent'] as const
const ROUTE = [...DOWN.map((place) => [place, 'down'] as const), ...DOWN.toReversed().map((place) => [place, 'up'] as const)]

/** The stages at which any passage was seen, in the order of a call; passages are in the order of time. */
export function stagesOf(passages: readonly Passage[]): Stage[] {
  const own = passages
    .map((passage) => ({ ...passage, files: withoutRuns(passage.files.filter((file) => !LEFT_OUT.test(file))) }))
    .filter(({ files }) => files.length > 0)
  return ROUTE.map(([place, direction]) => {
    const here = own.filter((passage) => passage.direction === direction && placeOf(passage.files) === place)
    const reentered = here.flatMap(({ files }) => files.filter((file, at) => files.indexOf(file) < at))
    return { place, direction, files: joined(here), reentered: [...new Set(reentered)] }
  }).filter(({ files }) => files.length > 0)
}

/**
 * Each file once. What is taken out of a queue goes back to who waited for it: from the innermost call outwards, as far as
 * one that hands it on. Who waits further out gets something else.
 */
function joined(passages: readonly Passage[]): string[] {
  const files = new Set<string>()
  const add = (more: readonly string[]): void => more.forEach((file) => files.add(file))
  let waiting: readonly string[] = []
  for (const passage of passages) {
    const giver = passage.isTaken ? undefined : waiting.find((file) => passage.files.includes(file))
    add(giver === undefined ? waiting : waiting.slice(0, waiting.indexOf(giver)))
    waiting = passage.isTaken ? passage.files.toReversed() : []
    if (!passage.isTaken) add(giver === undefined ? passage.files : passage.files.slice(passage.files.indexOf(giver)))
  }
  add(waiting)
  return [...files]
}

function placeOf(files: readonly string[]): Place {
  if (files.some((file) => file.startsWith('agent/'))) return 'agent'
  return files.some((file) => file.startsWith('worker/share/')) ? 'Share' : 'Worker'
}

function withoutRuns(files: readonly string[]): string[] {
  return files.filter((file, at) => file !== files[at - 1])
}

/** What is wrong with a way: more files than a place may have, or one that is entered again. */
export function faultsOf({ title, stages }: Way): string[] {
  return stages.flatMap(({ place, direction, files, reentered }) => [
    ...(files.length > MAX_FILES ? [`${title}: ${place}, ${direction}: ${files.length} files, more than ${MAX_FILES}`] : []),
    ...reentered.map((file) => `${title}: ${place}, ${direction}: ${file} is left and entered again`),
  ])
}

/** The ways as text: a line for each stage. Paths are those in `worker/` or `agent/`. */
export function describeWays(ways: readonly Way[]): string {
  const name = (file: string): string => file.replace(/^(worker|agent)\//, '').replace(/\.ts$/, '')
  return ways
    .map(({ title, stages }) =>
      [
        title,
        ...stages.map(({ place, direction, files, reentered }) => {
          const again = reentered.length === 0 ? '' : ` (again: ${reentered.map(name).join(', ')})`
          return `  ${place.padEnd(6)} ${direction.padEnd(4)}  ${files.length}  ${files.map(name).join(' → ')}${again}`
        }),
      ].join('\n'),
    )
    .join('\n\n')
}

const BEGIN = '<!-- trace:begin -->'
const END = '<!-- trace:end -->'

/**
 * A page with this text in its block.
 *
 * @throws {Error} when the page has no block.
 */
export function withBlock(page: string, text: string): string {
  const from = page.indexOf(BEGIN)
  const to = page.indexOf(END)
  if (from === -1 || to < from) throw new Error(`the page has no ${BEGIN} … ${END}`)
  return `${page.slice(0, from)}${BEGIN}\n\n\`\`\`text\n${text}\n\`\`\`\n\n${page.slice(to)}`
}
