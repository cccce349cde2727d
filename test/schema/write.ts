/** `npm run schema`: writes the JSON Schema of the agent's configuration files, for editors, from the schema that validates them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../harness/program.ts'
import { readHelpOnly } from '../harness/usage.ts'
import { configJsonSchema } from './config-json-schema.ts'

readHelpOnly(`npm run schema

Writes agent/mcp-edge.schema.json, the JSON Schema of the agent's configuration files, from agent/config/config-schema.ts. It has
no options.
Exit codes: 0 written, 2 wrong usage.`)

writeFileSync(join(ROOT, 'agent/mcp-edge.schema.json'), `${JSON.stringify(configJsonSchema(), null, 2)}\n`)
