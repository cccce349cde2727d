/** How much memory is in use once all is collected that nobody needs. */

/** Node's own, of which the types of Workers know nothing. */
interface NodeEngine {
  readonly setFlagsFromString: (flag: string) => void
  readonly runInNewContext: (code: string) => () => void
  readonly getHeapStatistics: () => { readonly used_heap_size: number }
}

/** In bytes. */
export async function heapBytes(): Promise<number> {
  const modules: unknown[] = await Promise.all(['node:v8', 'node:vm'].map((name) => import(name)))
  const { setFlagsFromString, runInNewContext, getHeapStatistics } = Object.assign({}, ...modules) as NodeEngine
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return getHeapStatistics().used_heap_size
}
