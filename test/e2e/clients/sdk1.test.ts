/** The client of the TypeScript SDK 1.x over both HTTP transports. */
import { describeClient } from './client-suite.ts'
import { connectSdk1Http, connectSdk1Sse } from '../../harness/sdk1-client.ts'

describeClient('SDK 1.x over Streamable HTTP', (share) => connectSdk1Http(share.url, share.clientToken))
describeClient('SDK 1.x over HTTP+SSE', (share) => connectSdk1Sse(share.shareUrl.replace(/\/mcp$/, '/sse')))
