/** Notes for clients the tasks that their servers begin, before they hear of them, and finds the processes that have them. */
import type { Failure } from '../../../protocol/errors.ts'
import { type BegunTask, begunTask } from '../../bridge/tasks.ts'
import { type ShareClient } from '../../carry/share-client.ts'
import type { KnownTask, TaskOrder, TaskPlace } from '../../contract/tasks.ts'
import { MAX_CALL_TRIES, RETRY_MS } from '../../limits.ts'
import { pause } from '../../within.ts'
import type { Item } from './item.ts'
import { PassRefused } from '../../carry/pass-refused.ts'
import { isRetryable } from '../../carry/reset-error.ts'

/** Who begins a task, and where its process is found. */
export interface TaskOwner {
  readonly share: ShareClient
  readonly principal: string
  readonly place: TaskPlace
  /** The tool that is called. */
  readonly tool?: string
}

/** An item as its client may have it: where a server has begun a task with it, that is noted first, so that the client finds the task wherever it asks. */
export async function withTaskNoted(owner: TaskOwner, item: Item | undefined): Promise<Item | undefined> {
  const begun = item?.kind === 'frame' && item.header.type === 'answer' && !item.header.failed ? begunTask(item.body) : undefined
  const failure = begun === undefined ? undefined : await note(owner, begun)
  return failure === undefined ? item : { kind: 'failed', failure }
}

async function note({ share, principal, place, tool }: TaskOwner, { task, ttlMs }: BegunTask): Promise<Failure | undefined> {
  const keeper = share.at(principal)
  const facts = { op: 'note', principal, task, place, ttlMs, ...(tool === undefined ? {} : { tool }) } as const
  try {
    const told = [await obeyed(keeper, { ...facts, role: 'keeper' })]
    if (keeper.id !== share.id) told.push(await obeyed(share, { ...facts, role: 'process' }))
    const clash = told.flatMap((answer) => answer.clash ?? [])[0]
    if (clash === undefined) return undefined
    // Whoever asks for it would be told of another client's task.
    for (const one of [clash, { principal, place }])
      await obeyed(share.at(one.principal), { op: 'drop', task, principal: one.principal, place: one.place })
    return { code: 'TASK_NAME_TAKEN', executed: 'yes' }
  } catch (error) {
    return error instanceof PassRefused ? error.failure : { code: 'INTERNAL', executed: 'yes' }
  }
}

/** The tasks of a principal, those with these ids where some are named. Rejects with PassRefused, or as the platform does. */
export async function findTasks(share: ShareClient, principal: string, tasks?: readonly string[]): Promise<readonly KnownTask[]> {
  const order = { op: 'find', principal, ...(tasks === undefined ? {} : { tasks }) } as const
  return (await obeyed(share.at(principal), order)).known
}

/** The order can be given twice: it says what is to be so. */
async function obeyed(share: ShareClient, order: TaskOrder): ReturnType<ShareClient['task']> {
  for (let tries = 1; ; tries++) {
    try {
      return await share.task(order)
    } catch (error) {
      if (error instanceof PassRefused || tries === MAX_CALL_TRIES || !isRetryable(error)) throw error
      share.renew()
      await pause(RETRY_MS)
    }
  }
}
