/** What is promised of shares that point at a server without an agent. Data only. */
import { promised, type Section } from '../requirement.ts'

const UPSTREAMS = {
  title: 'Shares that point at a server',
  said: ['docs/design.md, Upstreams', 'docs/security.md, Upstreams'],
  revisions: [],
  requirements: {
    'promise.upstream.as-sent': promised(
      'Requests of both eras go to the upstream as their clients made them, and its answers and errors come back as it gave them.',
    ),
    'promise.upstream.streams': promised(
      'Events keep the ids of the upstream, which take up a stream again; a client gets the form of answer that it takes.',
    ),
    'promise.upstream.sessions': promised(
      'The id of a session is given to its client encrypted: with another principal, share or upstream, or changed, it is exactly 404.',
    ),
    'promise.upstream.tasks': promised(
      'Nobody reads or ends the tasks of others there: tasks are refused, not shown to be there, and not told to be known.',
    ),
    'promise.upstream.credentials': promised(
      "Nothing of a client's credentials reaches the upstream, and nothing that the owner has the relay tell it is shown to anybody.",
    ),
    'promise.upstream.public-only': promised(
      'A share points at https and public addresses only, in whatever spelling, and no redirect is followed.',
    ),
    'promise.upstream.private': promised(
      'Where the relay is hosted by its owner, a setting of its own lets shares point at other servers.',
    ),
    'promise.upstream.judged': promised(
      'Policies judge calls by what the upstream lists now, before they go there, and cut its lists on every stream.',
    ),
    'promise.upstream.pinned': promised(
      'What an upstream offers is pinned when it is listed first, and what is new or has changed since is held back until its owner accepts it.',
    ),
    'promise.upstream.cut': promised('What ends with a link ends the requests to the upstream that are under way, within a second.'),
    'promise.upstream.limits': promised(
      'Calls are charged to limits and stand in the audit, and what an upstream is only told is bounded in how much of it is under way.',
    ),
    'promise.upstream.listed': promised(
      'What an upstream is asked to list before a call is judged takes of limits what that call takes, and ends with it.',
    ),
    'promise.upstream.settings': promised('Settings that such a share would not keep are refused.'),
    'promise.upstream.commands': promised('Owners make such shares from the command line, with secrets in a file.'),
    'promise.upstream.failures': promised('What goes wrong with the upstream is told by name, within bounds of time and size.'),
  },
} as const satisfies Section

export const UPSTREAM_PROMISES = [UPSTREAMS] as const
