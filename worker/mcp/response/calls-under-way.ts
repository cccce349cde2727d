/** The calls of one POST: some are under way, the next is made as one gets its answer, and all end together. */
import { MAX_BATCH_CALLS } from '../../limits.ts'
import type { Exchange } from './exchange.ts'

export interface CallsUnderWay {
  /** Those that were made and whose answer has not come. */
  readonly silent: ReadonlySet<Exchange>
  /** Has each call answered, as it is made; resolves when no call is left. */
  readonly each: (answer: (exchange: Exchange) => Promise<void>) => Promise<void>
  /** Ends all that were made, and makes no more. */
  readonly close: () => void
}

/** Makes the first calls, up to MAX_BATCH_CALLS: they are taken from `exchanges`, which makes each as it is asked for it. */
export function begin(exchanges: Iterable<Exchange>): CallsUnderWay {
  const waiting = exchanges[Symbol.iterator]()
  const made: Exchange[] = []
  const silent = new Set<Exchange>()
  let isOver = false
  const make = (): Exchange | undefined => {
    const next = isOver ? undefined : waiting.next()
    if (next === undefined || next.done === true) return undefined
    next.value.linger?.()
    made.push(next.value)
    silent.add(next.value)
    return next.value
  }
  for (let calls = 0; calls < MAX_BATCH_CALLS; calls++) make()
  const close = (): void => {
    isOver = true
    for (const exchange of made) exchange.close()
  }
  const each = async (answer: (exchange: Exchange) => Promise<void>): Promise<void> => {
    const one = async (begun: Exchange): Promise<void> => {
      for (let exchange: Exchange | undefined = begun; exchange !== undefined; exchange = make()) {
        await answer(exchange)
        silent.delete(exchange)
      }
    }
    await Promise.all([...silent].map(one))
  }
  return { silent, each, close }
}
