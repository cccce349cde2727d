/** What Workers say to a Share of tasks that servers have begun (MCP 2025-11-25, basic/utilities/tasks; SEP-2663): whose each is, and which process has it. */
import type { ServedName } from '../../protocol/served-names.ts'
import { isModernGroup, modernGroup } from './groups.ts'

/** Where the process of a task is found: a session, or a group of clients without sessions. */
export type TaskPlace = string

/** The place of the tasks of clients without sessions. */
export function groupPlace(group: string): TaskPlace {
  return modernGroup(group)
}

/** The group that a place names; undefined for one of a session. */
export function groupOfPlace(place: TaskPlace): string | undefined {
  return isModernGroup(place) ? place.slice(modernGroup('').length) : undefined
}

/** A task, for the principal whose call has begun it. */
export interface KnownTask {
  readonly task: string
  readonly place: TaskPlace
  /** The tool that was called, unless its name is very long. */
  readonly tool?: string
}

/** `keeper`: to the lane that its principal hashes to. `process`: to that of its process, where it is another. */
export interface NoteTask extends KnownTask {
  readonly op: 'note'
  readonly role: 'keeper' | 'process'
  readonly principal: string
  /** How long the server keeps it, in milliseconds; null for as long as it likes. */
  readonly ttlMs: number | null
}

export type TaskOrder =
  | NoteTask
  /** The principal's tasks, those with these ids where some are named. */
  | { readonly op: 'find'; readonly principal: string; readonly tasks?: readonly string[] }
  /** One process has given the same id to two principals: it is nobody's. */
  | { readonly op: 'drop'; readonly principal: string; readonly task: string; readonly place: TaskPlace }

export interface TaskAnswer {
  readonly known: readonly KnownTask[]
  /** Of `note`: the same process has given this id to another principal. */
  readonly clash?: { readonly principal: string; readonly place: TaskPlace }
}

/** What a request says that names a task: where agents serve different names it goes to the one that has the tool. */
export function aboutTask({ tool }: Pick<KnownTask, 'tool'>): { readonly about?: ServedName } {
  return tool === undefined ? {} : { about: { kind: 'name', text: tool } }
}
