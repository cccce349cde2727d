/** What the metered relay counts of itself: all zero, as it begins. */

export const NOTHING = {
  workerRequests: 0,
  objectRequests: 0,
  /** Of those, what the object had itself woken for. */
  alarmsRung: 0,
  agentMessages: 0,
  workerMessages: 0,
  sentMessages: 0,
  rowsRead: 0,
  rowsWritten: 0,
  alarmsSet: 0,
  constructions: 0,
  awakeMs: 0,
}
