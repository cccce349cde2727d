/** The stdio server that the official suite meets, beside the same one again under a prefix: two made one, as the agent makes them. */
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { startChild } from '../../agent/server/child.ts'
import { NO_GUARD } from '../../agent/server/guard.ts'
import { mergedStart } from '../../agent/server/merged/merged-child.ts'
import { type MergedServer, MergedServers } from '../../agent/server/merged/merged-servers.ts'
import { Mask } from '../../agent/mask.ts'
import { createLog } from '../../agent/log.ts'

const say = (line: string): void => void process.stderr.write(line)
const mask = new Mask([])
const log = createLog({ level: 'info', json: false, mask, write: say, now: () => new Date() })
const spec = { command: process.execPath, args: [join(import.meta.dirname, 'legacy-server.ts')], cwd: process.cwd(), env: {} }

function server(name: string, isBare: boolean): MergedServer {
  const start: MergedServer['start'] = (handlers) => startChild(spec, handlers, { guard: NO_GUARD, mask, platform: process.platform })
  return { name, isBare, digest: '', tellsStderr: true, log, start }
}

const child = mergedStart(
  new MergedServers([server('own', true), server('other', false)]),
  '1.0.0',
)({
  line: (bytes) => void process.stdout.write(Buffer.concat([bytes, Buffer.from('\n')])),
  tooLong: () => say('a line is too long\n'),
  stderr: (line) => say(`${line}\n`),
  gone: () => process.exit(0),
})
createInterface({ input: process.stdin })
  .on('line', (line) => child.write(Buffer.from(`${line}\n`), () => {}))
  .on('close', () => void child.stop())
