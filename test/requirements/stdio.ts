/** What the specification asks of the side that starts a server over stdio, which is the agent. Data only. */
import { LEGACY, MODERN, must, REVISIONS, type Section, should } from './requirement.ts'

const NOT_OF_A_CLIENT = 'It binds the server.'

const FRAMING = {
  title: 'stdio: messages',
  said: ['2024-11-05 basic/transports#stdio', '2025-11-25 basic/transports#stdio', '2026-07-28 basic/transports/stdio'],
  revisions: REVISIONS,
  requirements: {
    'stdio.utf8': must('Messages are UTF-8: a character that is split over two reads arrives whole, and what is no UTF-8 goes no further.'),
    'stdio.one-line': must("A message is one line for the server, also when its client's body has line ends in it."),
    'stdio.only-messages': must('Nothing but JSON-RPC messages is written to the server.'),
    'stdio.junk': must('A line of the server that is no message reaches no client, and what follows is read.'),
    'stdio.stderr': should('What the server writes to stderr is logged, and fails nothing.', { revisions: ['2025-11-25', '2026-07-28'] }),
    'stdio.batch': must('A batch of the server is taken apart, and each answer finds its call.', { revisions: ['2025-03-26'] }),
    'stdio.server-writes-messages': must('The server writes nothing else to stdout.', { notOurs: NOT_OF_A_CLIENT }),
  },
} as const satisfies Section

const MODERN_MESSAGES = {
  title: 'stdio: one channel without sessions',
  said: ['2026-07-28 basic/transports/stdio#sending-messages', '2026-07-28 basic/transports/stdio#receiving-messages'],
  revisions: MODERN,
  requirements: {
    'stdio.modern.no-responses': must("Clients' answers reach a server of 2026-07-28 in a retry, and never as JSON-RPC responses."),
    'stdio.modern.unasked': must('A server of 2026-07-28 that writes a request all the same is written no response.', {
      notOurs:
        'Refused: a server that waits for its answer would hang, so the agent answers a ping with an empty result and the rest with -32601.',
    }),
    'stdio.modern.by-subscription': must('What comes for a listen is told apart by its subscription id, and by nothing else.'),
    'stdio.modern.cancel': must(
      'A request that is given up is cancelled with notifications/cancelled, under the id that the server knows.',
    ),
    'stdio.modern.no-requests': must('The server writes no requests.', { notOurs: NOT_OF_A_CLIENT }),
    'stdio.modern.listen-again': must("A session's listen is opened anew on a new process: the server keeps none over a restart."),
    'stdio.modern.restart': should('A server that has ended is started again with the next request.'),
  },
} as const satisfies Section

const PROBE = {
  title: 'stdio: which era a server speaks',
  said: ['2026-07-28 basic/transports/stdio#backward-compatibility', '2026-07-28 basic/versioning'],
  revisions: MODERN,
  requirements: {
    'stdio.probe.discover': should('A server is asked with server/discover before anything else, with the whole envelope.'),
    'stdio.probe.any-error': must(
      'Any error that does not name 2026-07-28 as supported, silence and an early end all mean the handshake era.',
    ),
    'stdio.probe.modern-error': must('-32022 that offers 2026-07-28 means a modern server: it never hears initialize.'),
    'stdio.probe.cached': should('What was found out holds for the life of the agent.'),
  },
} as const satisfies Section

const SHUTDOWN = {
  title: 'stdio: the end of a server',
  said: ['2025-11-25 basic/lifecycle#stdio', '2026-07-28 basic/transports/stdio#shutdown'],
  revisions: REVISIONS,
  requirements: {
    'stdio.shutdown.stdin': should('A server is ended by closing its stdin, and one that heeds that gets no signal.'),
    'stdio.shutdown.sigterm': should('A server that stays gets SIGTERM.'),
    'stdio.shutdown.sigkill': should('A server that ignores that too gets SIGKILL, with all that it has started.'),
    'stdio.shutdown.by-server': should('A server that closes its output or exits is taken for ended, and its calls say so.'),
  },
} as const satisfies Section

const CUSTOM = {
  title: 'Custom transports: the native link',
  said: ['2025-11-25 basic/transports#custom-transports', '2026-07-28 basic/transports#custom-transports'],
  revisions: REVISIONS,
  requirements: {
    'link.messages-kept': must('A message that crosses the link is the JSON-RPC message that it was.'),
    'link.lifecycle-kept': must('The order of the handshake holds over the link.', { revisions: LEGACY }),
    'link.documented': should('The link is described.', { notOurs: 'docs/protocol.md does; no test can judge a page.' }),
  },
} as const satisfies Section

export const STDIO = [FRAMING, MODERN_MESSAGES, PROBE, SHUTDOWN, CUSTOM] as const
