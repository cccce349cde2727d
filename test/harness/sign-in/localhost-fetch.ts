/** A fetch for Node that leads names below `localhost` to this machine, as browsers do: Node asks the system's resolver, which may know none. Follows no redirect. */
import { request as httpRequest } from 'node:http'
import type { LookupFunction } from 'node:net'
import { Readable } from 'node:stream'

const toLoopback: LookupFunction = (_name, options, answer) => {
  if (options.all === true) answer(null, [{ address: '127.0.0.1', family: 4 }])
  else answer(null, '127.0.0.1', 4)
}

/** Takes what the SDKs hand to fetch: texts and forms as bodies, and http URLs. */
export async function localhostFetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const asked = new Request(input, init)
  const body = asked.body === null ? undefined : Buffer.from(await asked.arrayBuffer())
  const headers = Object.fromEntries(asked.headers)
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      asked.url,
      { method: asked.method, headers, lookup: toLoopback, signal: asked.signal, agent: false },
      (message) => {
        const told = new Headers()
        for (const [name, values] of Object.entries(message.headersDistinct)) for (const value of values ?? []) told.append(name, value)
        const status = message.statusCode ?? 0
        const isEmpty = status === 204 || status === 304 || status === 202
        if (isEmpty) message.resume()
        resolve(new Response(isEmpty ? null : (Readable.toWeb(message) as ReadableStream<Uint8Array>), { status, headers: told }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}
