/** Reads V8's CPU profiles: which functions, and which files, take the time. */

/** As `node --cpu-prof` and the inspector's Profiler.stop give it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
    readonly children?: readonly number[]
  }[]
  readonly startTime: number
  readonly endTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

export interface Share {
  readonly where: string
  /** In this function alone, and in it with all it calls. */
  readonly selfUs: number
  readonly totalUs: number
}

/** Names a place in the code. */
export type Naming = (functionName: string, url: string, lineNumber: number) => string

/** Time by name, most first; idle time is left out. */
export function timeByName({ nodes, samples, timeDeltas }: CpuProfile, nameOf: Naming): Share[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame.functionName, callFrame.url, callFrame.lineNumber)]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)))
  const selfUs = new Map<string, number>()
  const totalUs = new Map<string, number>()
  for (const [at, sample] of samples.entries()) {
    const deltaUs = timeDeltas[at] ?? 0
    const name = names.get(sample) ?? ''
    if (name.startsWith('(idle)')) continue
    selfUs.set(name, (selfUs.get(name) ?? 0) + deltaUs)
    const seen = new Set<string>()
    for (let node: number | undefined = sample; node !== undefined; node = parents.get(node)) seen.add(names.get(node) ?? '')
    for (const one of seen) totalUs.set(one, (totalUs.get(one) ?? 0) + deltaUs)
  }
  return [...totalUs]
    .map(([where, total]) => ({ where, selfUs: selfUs.get(where) ?? 0, totalUs: total }))
    .toSorted((one, other) => other.selfUs - one.selfUs)
}

/** For a bundle by esbuild, which writes each module's name before it: the module of each line. */
export function moduleOfLine(bundle: string): (lineNumber: number) => string {
  const modules: string[] = []
  let current = 'bundle'
  for (const line of bundle.split('\n')) {
    const [, name] = /^\/\/ (\S+\.(?:ts|js|mjs))$/.exec(line) ?? []
    if (name !== undefined) current = name.replace(/^(?:\.\.\/)+/, '').replace(/^.*node_modules\//, '')
    modules.push(current)
  }
  return (lineNumber) => modules[lineNumber] ?? 'bundle'
}
