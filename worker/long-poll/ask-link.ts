/** Passes a request of an agent on to the object of its link, and a poll's leaving too: else that would wait for the rest of its time. */
import { waitUntil } from 'cloudflare:workers'
import type { LongPollObject } from '../contract/objects.ts'

type LinkStub = DurableObjectStub<LongPollObject>

export function askLink(
  stub: LinkStub,
  path: string,
  query: Readonly<Record<string, string>>,
  body?: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  const url = `https://link${path}?${new URLSearchParams(query).toString()}`
  return stub.fetch(url, body === undefined ? {} : { method: 'POST', body })
}

/** A poll, which may wait. `signal`: its request's. */
export async function askPoll(
  stub: LinkStub,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const name = crypto.randomUUID()
  const left = (): void => waitUntil(askLink(stub, '/left', { name }))
  signal.addEventListener('abort', left, { once: true })
  try {
    return await askLink(stub, path, { ...query, name })
  } finally {
    signal.removeEventListener('abort', left)
  }
}
