/** What promise 13 of docs/design.md means, sentence by sentence. Data only. */
import { promised, type Section } from '../requirement.ts'

const TASKS = {
  title: "Promise 13: tasks are their principal's",
  said: ['docs/design.md, promise 13', '2025-11-25/basic/utilities/tasks, task isolation', 'SEP-2663, authorization'],
  revisions: [],
  requirements: {
    'promise.13.owner': promised(
      'A task exists for the principal whose call has begun it: for others it is in no list and under no id, on a process that they share as well.',
    ),
    'promise.13.process': promised(
      'What names a task goes to the process that has it, whatever session, capabilities or lane it comes from.',
    ),
    'promise.13.outlives': promised(
      'A task outlives its stream, the restart of its process, its agent and the relay, as far as its server keeps it.',
    ),
    'promise.13.one-row': promised('One row is written when a task is begun, none when it is asked for.'),
    'promise.13.working': promised('A process that works on a task within its time is not idle, and not ended to make room.'),
    'promise.13.told': promised('What a process says of a task that nobody asked for reaches its owner alone.'),
    'promise.13.equal-ids': promised(
      'Tasks of equal ids are never mixed: of two processes each client gets its own, and of one process neither.',
    ),
    'promise.13.bridged': promised('Between the eras a tool that runs only as a task is run for its client, or not shown to it.'),
    'promise.13.bounded': promised(
      'A principal may have so many tasks, and loses its own oldest beyond that; a policy holds for what names a task as well.',
    ),
  },
} as const satisfies Section

export const TASK_PROMISES = [TASKS] as const
