/** Waits: for a time, or for a promise no longer than that. */

/** What the promise brings, or undefined when that takes longer; what comes later is still the promise's. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const late = timeout(ms)
  try {
    return await Promise.race([promise, late.passed])
  } finally {
    late.clear()
  }
}

/** A time to race against. */
export function timeout(ms: number): { readonly passed: Promise<undefined>; readonly clear: () => void } {
  const { promise: passed, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(resolve, ms, undefined)
  return { passed, clear: () => clearTimeout(timer) }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
