/** The relay as it is deployed, which notes the passages of marked messages and tells them at /passages, each once. */
import { type Env } from '../../../worker/env.ts'
import app from '../../../worker/index.ts'
import { type RawPassage, watchHandOvers, wrap, wrapMethod } from '../passages.ts'

export { LongPollLink, Registry, Share, SignIn } from '../../../worker/index.ts'

/** Worker and objects are one isolate here. */
let passages: RawPassage[] = []
const look = watchHandOvers((passage) => (passages = [...passages, passage]))

wrapMethod(WebSocket.prototype, 'send', look)
wrapMethod(ReadableStreamDefaultController.prototype, 'enqueue', look)
wrap(Request.prototype, 'arrayBuffer', async (read, request, args) => {
  const body = await Reflect.apply(read, request, args)
  look(body, true)
  return body
})
globalThis.Response = new Proxy(Response, {
  construct(target, args: unknown[]) {
    look(args[0])
    return Reflect.construct(target, args) as Response
  },
})

/** The namespace of the Shares, or a part or an object of it: what is said to an object is looked at. */
function watched<T extends object>(target: T): T {
  return new Proxy(target, {
    get(_, name): unknown {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== 'function') return member
      return (...args: unknown[]): unknown => {
        look(args)
        const result: unknown = Reflect.apply(member, target, args)
        return typeof name === 'string' && ['getByName', 'jurisdiction'].includes(name) ? watched(result as object) : result
      }
    },
  })
}

let watchedEnv: Env | undefined

const handler: ExportedHandler<Env> = {
  async fetch(request, env, context) {
    // One for all: what is known of an environment is kept by it.
    watchedEnv ??= { ...env, SHARE: watched(env.SHARE) }
    if (new URL(request.url).pathname !== '/passages') return app.fetch(request, watchedEnv, context)
    const told = JSON.stringify(passages)
    passages = []
    return new Response(told)
  },
}

export default handler
