/** The stdio server that the official suite meets behind a share in revision 2026-07-28. It serves no `initialize`. */
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { createModernServer } from './modern-fixture.ts'

serveStdio(createModernServer, { legacy: 'reject' })
