/** Runs for a session's client a tool that its server of 2026-07-28 runs only as a task (SEP-2663): its client has no such tasks, and gets the result as that of the call. */
import { scanMessage } from '../../../protocol/json/json-scan.ts'
import { envelopeMembers } from '../../bridge/discover.ts'
import { modernRequest } from '../../bridge/legacy-to-modern.ts'
import { objectText } from '../../bridge/object-text.ts'
import { type TaskState, taskState, withTasksDeclared } from '../../bridge/tasks.ts'
import { randomKey } from '../../call-key.ts'
import type { ShareClient } from '../../carry/share-client.ts'
import type { Caller } from '../../contract/share-rpc.ts'
import { TASK_KEPT_MS, TASK_POLL_MAX_MS, TASK_POLL_MIN_MS } from '../../limits.ts'
import { pause } from '../../within.ts'
import { callRequest } from '../call/call-request.ts'
import { Courier } from '../call/courier.ts'
import { readAnswer } from '../call/whole-message.ts'
import type { WholeItem } from './answers.ts'
import type { ModernServer } from './known-modern-servers.ts'

const encoder = new TextEncoder()

export class TaskRun {
  readonly #share: ShareClient
  readonly #caller: Caller
  readonly #server: ModernServer
  readonly #task: string
  readonly #untilMs: number

  constructor(share: ShareClient, caller: Caller, server: ModernServer, task: string) {
    this.#share = share
    this.#caller = caller
    this.#server = server
    this.#task = task
    this.#untilMs = Date.now() + TASK_KEPT_MS
  }

  /** The task once it waits for nothing but its client, or has ended; undefined when the server does not say so, or `isOver`. */
  async next(isOver: () => boolean): Promise<TaskState | undefined> {
    while (!isOver() && Date.now() < this.#untilMs) {
      const answer = await this.#ask('tasks/get', {})
      const state = answer === undefined ? undefined : taskState(answer)
      if (state === undefined || state.status !== 'working') return state
      await pause(Math.min(TASK_POLL_MAX_MS, Math.max(TASK_POLL_MIN_MS, state.pollIntervalMs ?? TASK_POLL_MIN_MS)))
    }
    return undefined
  }

  /** Brings what the client was asked for. `answers`: JSON texts by key. */
  async give(answers: ReadonlyMap<string, string>): Promise<void> {
    await this.#ask('tasks/update', { inputResponses: objectText(answers) })
  }

  /** Nobody waits for it any more. */
  async cancel(): Promise<void> {
    await this.#ask('tasks/cancel', {})
  }

  async #ask(method: string, params: Readonly<Record<string, string>>): Promise<Uint8Array | undefined> {
    const { client, level, version } = this.#server
    const envelope = withTasksDeclared(envelopeMembers(client, true, level))
    const id = JSON.stringify(`mcp-edge.task.${randomKey()}`)
    const bytes = encoder.encode(modernRequest(id, method, envelope, { taskId: JSON.stringify(this.#task), ...params }))
    const facts = scanMessage(bytes)
    if (!facts.ok) return undefined
    const request = callRequest(this.#caller, { bytes, facts: facts.value, params: {} }, 'single')
    const answer = await readAnswer(new Courier(this.#share, { ...request, bridge: version, isRelays: true }, bytes))
    return answer instanceof Uint8Array ? answer : undefined
  }
}

/** How the answer begins that a task has led to: its id stands last. */
const OUTCOME_HEAD = '{"jsonrpc":"2.0","id":0'

/** The answer to the call that has begun a task: what the task has led to, as JSON text with its key. */
export function outcomeOf(begun: WholeItem, outcome: string, failed: boolean): WholeItem {
  const body = encoder.encode(`${OUTCOME_HEAD},${outcome}}`)
  const id = [OUTCOME_HEAD.length - 1, OUTCOME_HEAD.length] as const
  return { ...begun, header: { ...begun.header, size: body.length, id, failed }, body }
}
