/** The relay as it is deployed, which counts what its platform bills: requests, messages, rows, and how long an object is kept awake. */
import { type Env } from '../../../worker/env.ts'
import app, { Registry as DeployedRegistry, Share as DeployedShare } from '../../../worker/index.ts'
import { NOTHING } from '../counters.ts'

/** Worker and objects are one isolate here. */
const meter = { ...NOTHING }

let openEvents = 0
let awakeSinceMs = 0

/** Requests that are not answered yet hold an object in memory, and are what its duration is billed for. */
function begin(): void {
  if (openEvents++ === 0) awakeSinceMs = Date.now()
}

function end(): void {
  if (--openEvents === 0) meter.awakeMs += Date.now() - awakeSinceMs
}

type Method = (...args: unknown[]) => unknown

/** Replaces a method by one that is told of each call and what came of it. */
function tap(owner: object, name: string, note: (result: unknown) => unknown, before?: () => void): void {
  const method: unknown = Reflect.get(owner, name)
  if (typeof method !== 'function') return
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value(this: unknown, ...args: unknown[]): unknown {
      before?.()
      return note((method as Method).apply(this, args))
    },
  })
}

/** Every call of a public method, upgrade and alarm is one request. */
function countRequests(prototype: object): void {
  for (const name of Object.getOwnPropertyNames(prototype)) {
    if (name === 'constructor' || name.startsWith('webSocket')) continue
    tap(
      prototype,
      name,
      (result) => {
        if (!(result instanceof Promise)) end()
        return result instanceof Promise ? result.finally(end) : result
      },
      () => {
        meter.objectRequests++
        if (name === 'alarm') meter.alarmsRung++
        begin()
      },
    )
  }
}

/** Statements whose rows are counted when somebody asks: a cursor knows them once it is read. */
let cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = []
let isStorageTapped = false

function countRows(storage: DurableObjectStorage): void {
  meter.constructions++
  if (isStorageTapped) return
  isStorageTapped = true
  const sql: unknown = Object.getPrototypeOf(storage.sql)
  const alarms: unknown = Object.getPrototypeOf(storage)
  if (typeof sql !== 'object' || sql === null || typeof alarms !== 'object' || alarms === null)
    throw new Error('the storage has no prototype')
  tap(sql, 'exec', (cursor) => {
    cursors.push(cursor as SqlStorageCursor<Record<string, SqlStorageValue>>)
    return cursor
  })
  tap(alarms, 'setAlarm', (done) => {
    meter.alarmsSet++
    return done
  })
}

function readRows(): void {
  for (const cursor of cursors) {
    meter.rowsRead += cursor.rowsRead
    meter.rowsWritten += cursor.rowsWritten
  }
  cursors = []
}

countRequests(DeployedShare.prototype)
countRequests(DeployedRegistry.prototype)
tap(WebSocket.prototype, 'send', (sent) => {
  meter.sentMessages++
  return sent
})

export class Share extends DeployedShare {
  constructor(ctx: DurableObjectState, env: Env) {
    countRows(ctx.storage)
    super(ctx, env)
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (typeof message === 'string') meter.workerMessages++
    else meter.agentMessages++
    super.webSocketMessage(socket, message)
  }
}

export { LongPollLink, SignIn } from '../../../worker/index.ts'

export class Registry extends DeployedRegistry {
  constructor(ctx: DurableObjectState, env: Env) {
    countRows(ctx.storage)
    super(ctx, env)
  }
}

const handler: ExportedHandler<Env> = {
  async fetch(request, env, context) {
    if (new URL(request.url).pathname === '/meter') {
      readRows()
      return Response.json(meter)
    }
    meter.workerRequests++
    return app.fetch(request, env, context)
  },
}

export default handler
