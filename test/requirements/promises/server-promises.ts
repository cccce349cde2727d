/** What promise 15 of docs/design.md means, sentence by sentence: several servers under one share. Data only. */
import { promised, type Section } from '../requirement.ts'

const SERVERS = {
  title: 'Promise 15: servers of one share are apart, and are one share',
  said: ['docs/design.md, promise 15'],
  revisions: [],
  requirements: {
    'servers.own-path': promised(
      'A server with a name is at `/s/<share>/<name>/mcp`, with a key and on the own host of the share as well, by all transports and names of its own.',
    ),
    'servers.unknown': promised(
      'A name that a share does not have is answered as a path that is none, to whoever may come in, and makes no object.',
    ),
    'servers.apart': promised('A session of one server is none of another, and the death of one is only its own.'),
    'servers.bounded': promised('A share has 16 servers with names at most, and nobody adds one who may not serve the share.'),
    'servers.orders': promised('What the owner changes, revokes, pauses, ends or asks reaches all servers of a share, within a second.'),
    'servers.limits': promised('Limits of share and link are one for all its servers.'),
    'servers.prefixed': promised(
      'Policies, approvals and pins know tools and prompts of a server with a name as `<name>__<tool>`; each server is pinned by itself.',
    ),
    'servers.merged-shown': promised(
      'What the owner is shown of a merged server is marked as such, and is no second entry beside that of the server which has it.',
    ),
    'servers.prefix-warning': promised(
      "Whoever makes a policy with the name of a server whose tools are listed without it at the share's own address is told that it does not bound them there.",
    ),
    'servers.removed': promised('A server that its owner removes is none at once, and begins anew when an agent dials again.'),
    'servers.sign-in': promised('Whoever signs in at a server of several gets tokens for its URL, and no other.'),
  },
} as const satisfies Section

export const SERVER_PROMISES = [SERVERS] as const
