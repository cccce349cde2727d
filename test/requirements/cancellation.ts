/** What cancellation asks of both sides, in all revisions. Data only. */
import { LEGACY, MODERN, must, REVISIONS, type Section, should } from './requirement.ts'

const BEHAVIOUR = {
  title: 'Cancellation',
  said: [
    '2024-11-05 basic/utilities/cancellation#behavior-requirements',
    '2025-11-25 basic/utilities/cancellation#behavior-requirements',
    '2026-07-28 basic/patterns/cancellation#behavior-requirements',
  ],
  revisions: REVISIONS,
  requirements: {
    'cancel.own-requests': must('A cancellation reaches the call of its own client, under the id that the server knows, and no other.'),
    'cancel.in-progress': must('On a shared child a cancellation of what does not run reaches nobody.'),
    'cancel.not-initialize': must('The relay cancels no initialize of its own, also when the client for which it was made has left.', {
      revisions: LEGACY,
    }),
    'cancel.stops': should('A call that was cancelled ends for its client, and what was kept for it is let go.'),
    'cancel.no-response': should('A call that was cancelled is not answered with a result.'),
    'cancel.late-response': should('A response that comes after the cancellation reaches nobody.'),
    'cancel.races': must('A cancellation that crosses the answer, or comes before the call has reached the server, does no harm.'),
    'cancel.invalid': should('A cancellation of an unknown request, or without one, is accepted and has no effect.'),
    'cancel.of-asks': must("A server's cancellation of its own request goes where that went.", { revisions: LEGACY }),
    'cancel.tasks': must('A task is cancelled with tasks/cancel.', { revisions: ['2025-11-25'], notOurs: 'It binds the client.' }),
    'cancel.reasons-logged': should('Reasons are logged.', { notOurs: 'Refused: no payload stands in a log.' }),
    'cancel.shown': should('A user interface shows that a request is cancelled.', { notOurs: 'It binds the host.' }),
  },
} as const satisfies Section

const MODERN_SIGNALS = {
  title: 'Cancellation without sessions',
  said: [
    '2026-07-28 basic/patterns/cancellation#transport-specific-cancellation',
    '2026-07-28 basic/transports/streamable-http#cancellation',
  ],
  revisions: MODERN,
  requirements: {
    'cancel.modern.disconnect': must('A client that closes the stream of a request has cancelled it, and the server hears of it soon.'),
    'cancel.modern.nothing-more': must('Nothing more is sent, kept or waited for on behalf of such a request.'),
    'cancel.modern.before-sent': must('A request whose client has left before it could be sent is not sent.'),
    'cancel.modern.only-listens': must('A client is sent no notifications/cancelled, but what ends its own listen.'),
    'cancel.modern.teardown': must('A listen that the relay ends is cancelled with notifications/cancelled.', {
      notOurs: 'The page on subscriptions asks for its result instead, which over HTTP is what a client waits for.',
    }),
    'cancel.modern.listen-ended': must('A listen that its server takes back on stdio ends for its client.'),
    'cancel.modern.timeout': should('What waits for a client has an end, and the server hears of it.'),
  },
} as const satisfies Section

export const CANCELLATION = [BEHAVIOUR, MODERN_SIGNALS] as const
