/** `asking-server.ts ERA [KIND]`: the server of `asking-fixture.ts` on stdio, in an era or in both; KIND is what it asks for by a timer. */
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { createAskingServer } from './asking-fixture.ts'

const [serves = 'both', byTimer] = process.argv.slice(2)

if (serves === 'legacy') await createAskingServer({ era: 'legacy' }, byTimer).connect(new StdioServerTransport())
else serveStdio((context) => createAskingServer(context, byTimer), { legacy: serves === 'modern' ? 'reject' : 'serve' })
