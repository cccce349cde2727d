/** Finds out who listens on a port of this machine: which program, and whether it is a relay of ours. */
import { readdir, readFile, readlink } from 'node:fs/promises'
import { get, type IncomingMessage } from 'node:http'
import { readRefusal } from '../agent/link/refusal.ts'

export interface PortHolder {
  /** Name of the program; `undefined` where the system does not tell. */
  readonly program?: string | undefined
  readonly pid?: number | undefined
  /** Whether it answers as an mcp-edge relay does. */
  readonly isRelay: boolean
}

/** Whoever listens on a port of this machine answers at once, or is no relay. */
const ANSWER_MS = 1000
/** State of a socket in /proc/net/tcp that listens. */
const LISTENS = '0A'

/** Who listens there. Never rejects: what can not be found out is left out. */
export async function findPortHolder(host: string, port: number): Promise<PortHolder> {
  const [process, isRelay] = await Promise.all([findProcess(port).catch(() => undefined), isOurRelay(host, port)])
  return { ...process, isRelay }
}

/** Linux only, and only of processes whose files this user may see. */
async function findProcess(port: number): Promise<Pick<PortHolder, 'program' | 'pid'> | undefined> {
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')))
  const sockets = tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`)
  if (sockets.length === 0) return undefined
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
    const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')))
    if (!links.some((link) => sockets.includes(link))) continue
    const program = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim()
    return { pid: Number(pid), ...(program === '' ? {} : { program }) }
  }
  return undefined
}

/** The inodes of the sockets that listen on a port, by a table of /proc/net. */
export function listeningInodes(table: string, port: number): string[] {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    return state === LISTENS && local.endsWith(ending) && inode !== undefined ? [inode] : []
  })
}

/** By an address at which it has nothing, which it says as only a relay does, whoever asks. */
async function isOurRelay(host: string, port: number): Promise<boolean> {
  try {
    const asked = get({ host: host === '*' ? '127.0.0.1' : host, port, path: '/api', agent: false, signal: AbortSignal.timeout(ANSWER_MS) })
    const answered = Promise.withResolvers<IncomingMessage>()
    asked.on('response', answered.resolve)
    asked.on('error', answered.reject)
    const { code } = await readRefusal(await answered.promise)
    asked.destroy()
    return code !== undefined
  } catch {
    return false
  }
}
