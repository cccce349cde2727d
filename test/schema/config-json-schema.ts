/** The JSON Schema (draft 7, which editors know) of configuration files. What agent/mcp-edge.schema.json is made of. */
import { toJsonSchema } from '@valibot/to-json-schema'
import { CONFIG } from '../../agent/config/config-schema.ts'

export function configJsonSchema(): object {
  // What a check of ours says beyond the form has no words in a schema; the agent says it.
  const { $schema, ...schema } = toJsonSchema(CONFIG, { errorMode: 'ignore' })
  return { $schema, title: 'Configuration of mcp-edge-agent', ...schema }
}
