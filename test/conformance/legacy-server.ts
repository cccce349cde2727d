/** The stdio server that the official suite meets behind a share, for revisions up to 2025-11-25. */
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { createLegacyServer } from './legacy-fixture.ts'

await createLegacyServer().connect(new StdioServerTransport())
