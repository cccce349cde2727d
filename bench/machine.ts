/** Where a run took place: what a reader needs to judge its figures, and nothing that names the machine. */
import { cpus, loadavg, totalmem } from 'node:os'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../test/harness/program.ts'
import { asObject, textField } from '../test/harness/json.ts'

const GIB = 1024 ** 3

export function machine(): Record<string, string | number> {
  return {
    cores: cpus().length,
    CPU: cpus()[0]?.model ?? 'unknown',
    'memory (GiB)': Math.round(totalmem() / GIB),
    system: process.platform,
    'load at the start': Number((loadavg()[0] ?? 0).toFixed(2)),
  }
}

export function ownVersions(): Record<string, string> {
  const version = (path: string): string => textField(asObject(JSON.parse(readFileSync(join(ROOT, path), 'utf8'))), 'version')
  return { 'mcp-edge': version('package.json'), node: process.versions.node, workerd: version('node_modules/workerd/package.json') }
}
