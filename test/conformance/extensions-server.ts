/** `extensions-server.ts ERA`: the server of `extensions-fixture.ts` on stdio, in an era or in both. */
import { serveStdio, StdioServerTransport } from '@modelcontextprotocol/server/stdio'
import { createExtensionsServer } from './extensions-fixture.ts'

const [, , serves = 'both'] = process.argv

if (serves === 'legacy') await createExtensionsServer().connect(new StdioServerTransport())
else serveStdio(createExtensionsServer, { legacy: serves === 'modern' ? 'reject' : 'serve' })
