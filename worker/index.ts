/** The Worker's entry: its routes, and the classes of its Durable Objects. */
import { Hono } from 'hono'
import { requireClaimed, type RouteEnv } from './access/claim-gate.ts'
import { guardOrigin } from './access/origin.ts'
import { connectAgent } from './agent-route.ts'
import { api } from './api/api.ts'
import { PassRefused } from './carry/share-client.ts'
import { problemResponse } from './problem.ts'
import { log } from './log.ts'
import { getSse, postMessages } from './mcp/http-sse.ts'
import { failureResponse } from './mcp/response/responses.ts'
import { deleteMcp, getMcp, postMcp } from './mcp/streamable-http.ts'

export { Registry } from './registry/registry.ts'
export { Share } from './share/share.ts'

// Not strict: people and clients put a slash behind an endpoint, and a redirect would lose what they post.
const app = new Hono<RouteEnv>({ strict: false })

app.get('/healthz', (c) => c.json({ status: 'ok' }))
app.use(guardOrigin)
app.use(requireClaimed)
app.route('/api', api)
app.get('/agent/:share', connectAgent)

for (const base of ['/s/:share', '/s/:share/k/:key'] as const) {
  app.post(`${base}/mcp`, postMcp)
  app.get(`${base}/mcp`, getMcp)
  app.delete(`${base}/mcp`, deleteMcp)
  app.all(`${base}/mcp`, () => failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow: 'GET, POST, DELETE' }))
  app.get(`${base}/sse`, getSse)
  app.all(`${base}/sse`, () => failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow: 'GET' }))
  app.post(`${base}/messages`, postMessages)
  app.all(`${base}/messages`, () => failureResponse({ code: 'METHOD_NOT_ALLOWED' }, 'null', { allow: 'POST' }))
}

app.notFound(() => problemResponse('ROUTE_NOT_FOUND'))
app.onError((error) => {
  if (error instanceof PassRefused) return failureResponse(error.failure)
  log('request.failed', { error: error.message })
  return failureResponse({ code: 'INTERNAL' })
})

export default app
