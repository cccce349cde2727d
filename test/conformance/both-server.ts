/** The stdio server of `modern-server.ts`, for clients of either era: whichever its client begins with is served. */
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createModernServer } from './modern-fixture.ts'

serveStdio(({ era }) => {
  const mcp = createModernServer()
  // The other era listens instead.
  if (era === 'legacy') mcp.server.setRequestHandler('resources/subscribe', () => ({}))
  return mcp
})
