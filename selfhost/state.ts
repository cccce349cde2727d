/** The folder that a self-hosted relay keeps between runs: keys, share, port, and the relay's storage. */
import { createHash, randomBytes } from 'node:crypto'
import { access, chmod, constants, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isJsonObject, parseObject } from './json.ts'

/** The share that `npm start` made, with what gives access to it. */
export interface KeptShare {
  readonly share: string
  /** Path of the share URL, with its key; the origin may change. */
  readonly sharePath: string
  readonly clientToken: string
  readonly agentToken: string
  /** ISO 8601. */
  readonly expiresAt: string
}

export interface State {
  readonly ownerKey: string
  readonly port?: number
  readonly share?: KeptShare
}

export interface StateFolder {
  readonly storageDir: string
  /** Scratch files of the running relay: bundle and configuration. */
  readonly runtimeDir: string
  /** Whether the process that used it last was killed: what it has started may not be gone yet. */
  readonly wasKilled: boolean
  readonly read: () => Promise<State>
  readonly write: (state: State) => Promise<void>
  /** Lets another process use the folder. */
  readonly release: () => Promise<void>
}

/**
 * Where the state of a checkout is kept unless --data says otherwise: below the user's state folder (XDG Base Directory).
 * Not in the checkout, since people share the folder they stand in, with whatever is in it.
 */
export function defaultStateDir(checkout: string, env: Readonly<Record<string, string | undefined>>): string {
  const base = env['XDG_STATE_HOME'] || join(homedir(), '.local/state')
  return join(base, 'mcp-edge', createHash('sha256').update(checkout).digest('hex').slice(0, 12))
}

/** Pause between two looks at the lock of a process that may be ending. */
const LOCK_POLL_MS = 100

/**
 * Opens the folder, makes it when it is not there (for its owner's eyes only), and keeps others out of it while we live. A
 * process that uses it has `waitMs` to end; `onWait` is told of it.
 *
 * @throws {Error} when another running process uses it, and when there can be no such folder, or not for this user.
 */
export async function openState(dir: string, waitMs = 0, onWait: (pid: number) => void = () => {}): Promise<StateFolder> {
  const storageDir = join(dir, 'storage')
  const runtimeDir = join(dir, 'runtime')
  for (const path of [dir, storageDir, runtimeDir]) await makePrivate(path)
  const stateFile = join(dir, 'state.json')
  const lockFile = join(dir, 'lock')
  const wasKilled = await takeLock(lockFile, waitMs, onWait)
  const write = (state: State): Promise<void> => writeWhole(stateFile, `${JSON.stringify(state, undefined, 2)}\n`)
  const read = async (): Promise<State> => {
    const kept = await readState(stateFile)
    if (kept !== undefined) return kept
    const fresh = { ownerKey: `mcpe_owner_${randomBytes(32).toString('base64url')}` }
    await write(fresh)
    return fresh
  }
  return { storageDir, runtimeDir, wasKilled, read, write, release: () => rm(lockFile, { force: true }) }
}

async function makePrivate(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true })
    await chmod(dir, 0o700)
    await access(dir, constants.W_OK)
  } catch (error) {
    throw new Error(`${dir} cannot be the folder for the data; name another with --data`, { cause: error })
  }
}

/** The kept state, or `undefined` when there is none yet. */
async function readState(file: string): Promise<State | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  })
  if (text === undefined) return undefined
  const value = parseObject(text)
  if (isState(value)) return value
  throw new Error(`${file} is damaged; restore it from a backup, or delete it to start with a new owner key and share`)
}

/** Writes a file so that a crash leaves the old text or the new one, never a part. */
async function writeWhole(file: string, text: string): Promise<void> {
  const fresh = `${file}.new`
  await writeFile(fresh, text, { mode: 0o600, flush: true })
  await rename(fresh, file)
}

/** Returns whether the lock was left by a process that is gone. */
async function takeLock(file: string, waitMs: number, onWait: (pid: number) => void): Promise<boolean> {
  let isStale = false
  for (let waitedMs = 0; ; waitedMs += LOCK_POLL_MS) {
    if (await makeLock(file)) return isStale
    const holder = Number(await readFile(file, 'utf8').catch(() => ''))
    if (!(await isRunning(holder))) {
      isStale = true
      await rm(file, { force: true })
    } else if (waitedMs < waitMs) {
      if (waitedMs === 0) onWait(holder)
      await delay(LOCK_POLL_MS)
    } else throw new Error(`another process (${holder}) uses this folder; stop it, or name another one with --data`)
  }
}

/** False when there is one. */
async function makeLock(file: string): Promise<boolean> {
  try {
    const lock = await open(file, 'wx', 0o600)
    await lock.writeFile(String(process.pid))
    await lock.close()
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  }
}

/** Whether a process runs and, where /proc tells, is an `npm start`: after a reboot its id may be that of another program. */
async function isRunning(pid: number): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return hasCode(error, 'EPERM')
  }
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => 'start.ts')
  return commandLine.includes('start.ts')
}

function isState(value: unknown): value is State {
  return isJsonObject(value) && typeof value['ownerKey'] === 'string' && isOptionalPort(value['port']) && isOptionalShare(value['share'])
}

function isOptionalPort(value: unknown): boolean {
  return value === undefined || (Number.isInteger(value) && typeof value === 'number' && value > 0)
}

function isOptionalShare(value: unknown): boolean {
  const members = ['share', 'sharePath', 'clientToken', 'agentToken', 'expiresAt']
  return value === undefined || (isJsonObject(value) && members.every((name) => typeof value[name] === 'string'))
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
