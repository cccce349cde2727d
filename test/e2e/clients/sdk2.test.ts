/** The client of the TypeScript SDK 2.x in its legacy mode, over both HTTP transports. */
import { describeClient } from './client-suite.ts'
import { connectSdk2Http, connectSdk2Sse } from '../../harness/sdk2-client.ts'

describeClient('SDK 2.x over Streamable HTTP', (share) => connectSdk2Http(share.shareUrl))
describeClient('SDK 2.x over HTTP+SSE', (share) => connectSdk2Sse(share.sseUrl, share.clientToken))
