/** The relay as it is deployed, with one more way in: a test may have a share's object thrown out of memory at once. */
import { type Env } from '../../../worker/env.ts'
import app, { Share as DeployedShare } from '../../../worker/index.ts'

export { LongPollLink, Registry, SignIn } from '../../../worker/index.ts'

const ABORT_PATH = '/chaos/abort'

export class Share extends DeployedShare {
  override fetch(request: Request): Response | Promise<Response> {
    if (new URL(request.url).pathname === ABORT_PATH) this.ctx.abort('chaos')
    return super.fetch(request)
  }
}

const handler: ExportedHandler<Env> = {
  async fetch(request, env, context) {
    const [, share] = new RegExp(`^${ABORT_PATH}/(.+)$`).exec(new URL(request.url).pathname) ?? []
    if (share === undefined) return app.fetch(request, env, context)
    // The object ends under this request, which is what it is for.
    await env.SHARE.getByName(share)
      .fetch(`https://share${ABORT_PATH}`)
      .catch(() => undefined)
    return new Response(null, { status: 204 })
  },
}

export default handler
