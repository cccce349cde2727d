/** What Streamable HTTP of 2025-03-26 to 2025-11-25 asks of a server, which is what the relay is to its clients. Data only. */
import { must, promised, REVISIONS, type Section, should, STREAMABLE, WITH_VERSION_HEADER } from './requirement.ts'

const CLIENT = 'It binds the client.'
const SINCE_JUNE = WITH_VERSION_HEADER

const SECURITY = {
  title: 'Streamable HTTP: endpoint and security',
  said: ['2025-11-25 basic/transports#security-warning', '2026-07-28 basic/transports/streamable-http#security--endpoint'],
  revisions: [...STREAMABLE, '2026-07-28'],
  requirements: {
    'http.endpoint': must('One address takes POST and GET, and other methods get 405.', { revisions: STREAMABLE }),
    'http.endpoint.slash': promised('An endpoint with a slash behind it is the same endpoint, without a redirect.'),
    'http.origin.validated': must(
      '`Origin` is looked at on every connection, by every method, and a rebound name of the host is refused.',
      {
        revisions: REVISIONS,
        provedBy: ['conformance: dns-rebinding-protection'],
      },
    ),
    'http.origin.403': must('A foreign `Origin` gets 403.', { revisions: ['2025-11-25', '2026-07-28'] }),
    'http.loopback': should('On one machine the relay listens on loopback only.', { revisions: REVISIONS }),
    'http.authenticated': should('Every connection is authenticated.', { revisions: REVISIONS }),
  },
} as const satisfies Section

const SENDING = {
  title: 'Streamable HTTP: messages to the server',
  said: ['2025-03-26 basic/transports#sending-messages-to-the-server', '2025-11-25 basic/transports#sending-messages-to-the-server'],
  revisions: STREAMABLE,
  requirements: {
    'http.post.batch': must('A batch is taken, and each request of it answered.', { revisions: ['2025-03-26'] }),
    'http.post.single': must('An array is refused with 400.', { revisions: SINCE_JUNE }),
    'http.post.202': must('A notification or response that is accepted gets 202 without a body.'),
    'http.post.refused': must('A notification or response that cannot be accepted gets an HTTP error.'),
    'http.post.json-or-sse': must('A request is answered with one JSON object or an event stream, as the client takes them.', {
      provedBy: ['conformance: tools-call-simple-text'],
    }),
    'http.post.new-request': must('Each message is a POST of its own.', { notOurs: CLIENT }),
    'http.post.accept': must('The client lists both media types.', { notOurs: `${CLIENT} We take what it accepts.` }),
  },
} as const satisfies Section

const RESPONSE_STREAM = {
  title: 'Streamable HTTP: the stream of a request',
  said: ['2025-11-25 basic/transports#sending-messages-to-the-server'],
  revisions: STREAMABLE,
  requirements: {
    'http.stream.primed': should('The first event has an id and no data; clients of older revisions get none such.', {
      revisions: ['2025-11-25'],
    }),
    'http.stream.retry': should('A connection that ends before its stream has told `retry`.', { revisions: ['2025-11-25'] }),
    'http.stream.response': should('A stream brings the response to its request, or to each of a batch.'),
    'http.stream.related': should('What comes before the response belongs to that request.'),
    'http.stream.open-until': should('The stream does not end before the response.', { revisions: ['2025-03-26', '2025-06-18'] }),
    'http.stream.ends': should('The stream ends with the response.'),
    'http.stream.no-cancel': should('A client that drops its connection has not cancelled.'),
    'http.stream.cancel-explicit': should('The client cancels with a notification.', { notOurs: CLIENT }),
  },
} as const satisfies Section

const LISTENING = {
  title: 'Streamable HTTP: GET, and several streams',
  said: ['2025-11-25 basic/transports#listening-for-messages-from-the-server', '2025-11-25 basic/transports#multiple-connections'],
  revisions: STREAMABLE,
  requirements: {
    'http.get.stream': must('GET with a session opens an event stream.'),
    'http.get.accept': must('The client accepts event streams.', { notOurs: `${CLIENT} One that does not gets 406.` }),
    'http.get.unrelated': should('The GET stream carries what belongs to no call that runs.'),
    'http.get.no-response': must('The GET stream carries no response, unless it goes on with the stream of a request.'),
    'http.get.retry': should('A connection that ends before its stream has told `retry`.', {
      revisions: ['2025-11-25'],
      notOurs: 'The relay ends no GET stream whose session goes on, but for one that takes its place.',
    }),
    'http.streams.one-only': must('A message goes out on one stream only.'),
    'http.streams.many': must('Several streams of one session are open side by side.', {
      provedBy: ['conformance: server-sse-multiple-streams'],
    }),
  },
} as const satisfies Section

const RESUMING = {
  title: 'Streamable HTTP: resumption',
  said: ['2025-11-25 basic/transports#resumability-and-redelivery'],
  revisions: STREAMABLE,
  requirements: {
    'http.resume.unique': must('No two events of a session have one id.'),
    'http.resume.names-stream': should('An event id says of which stream it is.', { revisions: ['2025-11-25'] }),
    'http.resume.same-stream': must('What belongs to another stream is not replayed.'),
    'http.resume.by-get': must('GET with `Last-Event-ID` goes on with the stream, whichever way that was opened.'),
  },
} as const satisfies Section

const SESSIONS = {
  title: 'Streamable HTTP: sessions',
  said: ['2025-11-25 basic/transports#session-management'],
  revisions: STREAMABLE,
  requirements: {
    'http.session.with-initialize': must('The response to initialize carries the session id, and a refused one carries none.'),
    'http.session.ascii': must('A session id has visible ASCII only.'),
    'http.session.unguessable': should('A session id is random and never given twice.'),
    'http.session.missing-400': should('A request without a session id gets 400, but for initialize.'),
    'http.session.ended-404': must('A session that has ended is 404 by every method.'),
    'http.session.unknown-404': must('A session that never was is 404 by every method.'),
    'http.session.delete': should('DELETE ends the session.'),
    'http.session.sent': must('The client sends the id with every request, keeps it safe, and starts anew on 404.', { notOurs: CLIENT }),
  },
} as const satisfies Section

const VERSION_HEADER = {
  title: 'Streamable HTTP: MCP-Protocol-Version',
  said: ['2025-11-25 basic/transports#protocol-version-header'],
  revisions: SINCE_JUNE,
  requirements: {
    'http.version.invalid-400': must('A revision that nobody knows gets 400.'),
    'http.version.absent': should('A request without the header is taken for one of 2025-03-26.'),
    'http.version.sent': must('The client sends the header.', { notOurs: CLIENT }),
  },
} as const satisfies Section

export const STREAMABLE_HTTP = [SECURITY, SENDING, RESPONSE_STREAM, LISTENING, RESUMING, SESSIONS, VERSION_HEADER] as const
