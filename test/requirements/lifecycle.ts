/** What the lifecycle of 2024-11-05 to 2025-11-25 asks of a server and of a client: the relay is either. Data only. */
import { LEGACY, must, promised, type Section, should } from './requirement.ts'

const CLIENT = 'It binds the client, whose messages the relay passes on.'

const INITIALIZATION = {
  title: 'Lifecycle: initialization',
  said: ['2024-11-05 basic/lifecycle#initialization', '2025-11-25 basic/lifecycle#initialization'],
  revisions: LEGACY,
  requirements: {
    'lifecycle.initialize.first': must('Nothing reaches a server of the handshake era before initialize is answered, a probe included.'),
    'lifecycle.initialize.members': must('An initialize of the relay itself names revision, capabilities and client.'),
    'lifecycle.initialize.answered': must('A client gets revision, capabilities and name of its server.', {
      provedBy: ['conformance: server-initialize'],
    }),
    'lifecycle.initialized.sent': must('notifications/initialized follows an initialize that was answered, before any request.'),
    'lifecycle.initialize.no-batch': must('initialize in a batch is refused.', { revisions: ['2025-03-26'] }),
    'lifecycle.initialize.refused': should('An initialize that the server refuses is an error for its client, and leaves no session.'),
    'lifecycle.ping-only-before': should('The server sends nothing but pings and logs before notifications/initialized.', {
      notOurs: 'It binds the server behind the relay.',
    }),
  },
} as const satisfies Section

const VERSIONS = {
  title: 'Lifecycle: version and capabilities',
  said: ['2025-11-25 basic/lifecycle#version-negotiation', '2025-11-25 basic/lifecycle#capability-negotiation'],
  revisions: LEGACY,
  requirements: {
    'lifecycle.version.same': must('A revision that is supported is answered with itself.'),
    'lifecycle.version.other': must('Any other is answered with one that the server supports, the newest such.'),
    'lifecycle.version.theirs': promised(
      'A revision that the relay does not know and on which client and server have agreed is theirs: their session goes on in it.',
    ),
    'lifecycle.version.sent': must(
      'The client asks for a revision that it supports, the latest, and leaves when it gets another that it does not.',
      {
        notOurs: CLIENT,
      },
    ),
    'lifecycle.version.respected': must(
      "What came after the negotiated revision is not sent: events without data, batches, an elicitation's mode.",
    ),
    'lifecycle.capabilities.server-asks': must('A server is told of the capabilities of its clients only, and asks for no others.'),
    'lifecycle.capabilities.offered': must('A client is offered what the server can do, and nothing that the relay cannot carry.'),
  },
} as const satisfies Section

const TIMEOUTS = {
  title: 'Lifecycle: timeouts and errors',
  said: ['2025-11-25 basic/lifecycle#timeouts', '2025-11-25 basic/lifecycle#error-handling'],
  revisions: LEGACY,
  requirements: {
    'lifecycle.timeout.own': should('What the relay asks of a server or a client by itself has an end, and the other side is told.'),
    'lifecycle.timeout.per-request': should('Timeouts are set for each request, and progress does not put the end off for ever.', {
      notOurs: 'A call is bounded by the client who made it; the relay does not know better.',
    }),
  },
} as const satisfies Section

export const LIFECYCLE = [INITIALIZATION, VERSIONS, TIMEOUTS] as const
