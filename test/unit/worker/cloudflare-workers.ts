/** In place of the platform's module `cloudflare:workers` in unit tests, which run in Node: what a Worker would do behind its response. */

/** Work that has been handed over and nobody has waited for. */
export const background: Promise<unknown>[] = []

export function waitUntil(work: Promise<unknown>): void {
  background.push(work)
  // As the platform does; whoever waits for it here sees how it ends.
  work.catch(() => undefined)
}
