/** The agent as a library: `import { createAgent } from 'mcp-edge-agent'` (docs/library.md). */
import type { CreateAgent } from './library/agent-types.ts'
import { LibraryAgent } from './library/library-agent.ts'

export type * from './library/agent-types.ts'

export const createAgent: CreateAgent = (options) => new LibraryAgent(options)
