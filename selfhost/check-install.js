/** Says before `npm start` what is missing, in words that the oldest Node reads: without the project's own Node and packages nothing else can be read. */
import { existsSync } from 'node:fs'

const isInstalled = existsSync(new URL('../node_modules/workerd', import.meta.url))
if (!isInstalled || !process.features.typescript) {
  const how = isInstalled ? 'npm ci --include=dev (its own Node is among the packages for development)' : 'npm ci'
  process.stderr.write(`mcp-edge: the project is not installed here yet: run ${how}, and then npm start again.\n`)
  process.exit(1)
}
