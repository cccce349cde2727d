/** What ends the listen of a client that does not take what it listens for, while others of its server wait for that. */
import type { Item } from './item.ts'

export const LISTENER_BEHIND: Item = {
  kind: 'failed',
  failure: { code: 'EVENTS_LOST', detail: 'what was listened for was not read, and the calls of this client waited for that' },
}
