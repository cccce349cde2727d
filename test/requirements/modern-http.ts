/** What Streamable HTTP of 2026-07-28 asks of a server that reads bodies, which the relay is in front of stdio. Data only. */
import { MODERN, must, type Section, should } from './requirement.ts'

const CLIENT = 'It binds the client.'

const SENDING = {
  title: 'Streamable HTTP without sessions: messages',
  said: ['2026-07-28 basic/transports/streamable-http#sending-messages', '2026-07-28 basic/transports#messages'],
  revisions: MODERN,
  requirements: {
    'modern.http.endpoint': must('The one address takes POST, beside clients of older revisions.', {
      provedBy: ['conformance: server-stateless'],
    }),
    'modern.http.single': must('A batch with a message of this revision is refused whole.'),
    'modern.http.no-responses': must('A response that a client posts is refused, and reaches no server.'),
    'modern.http.notification': must('A notification is accepted with 202 and without a body, and a malformed one gets an HTTP error.'),
    'modern.http.json-or-sse': must('A request is answered with one JSON object or an event stream.'),
    'modern.http.client-headers': must('The client sends the headers and accepts both media types.', { notOurs: CLIENT }),
  },
} as const satisfies Section

const RECEIVING = {
  title: 'Streamable HTTP without sessions: the stream of a request',
  said: ['2026-07-28 basic/transports/streamable-http#receiving-messages'],
  revisions: MODERN,
  requirements: {
    'modern.http.related': must('A stream carries notifications of its own request only, those that certainly are.'),
    'modern.http.no-requests': must('No request of the server is sent to the client on any stream.'),
    'modern.http.ends': should('The response ends the stream.'),
    'modern.http.listen-only': must('Progress and logs of a call do not come on a listen.'),
    'modern.http.unbuffered': should('An event stream says `X-Accel-Buffering: no`.'),
    'modern.http.keep-alive': should('A quiet stream has comments.'),
    'modern.http.not-resumable': must('Events have no ids: there is nothing to resume.'),
  },
} as const satisfies Section

const METADATA = {
  title: 'Streamable HTTP without sessions: revision, method, name',
  said: [
    '2026-07-28 basic/transports/streamable-http#protocol-version-header',
    '2026-07-28 basic/transports/streamable-http#standard-request-headers',
    '2026-07-28 basic/transports/streamable-http#server-validation',
  ],
  revisions: MODERN,
  requirements: {
    'modern.header.version': must('A `MCP-Protocol-Version` that is missing or is not that of the body gets 400 and -32020.'),
    'modern.header.unsupported': must('A revision that is not supported gets 400 and -32022, with those that are.'),
    'modern.header.unknown-method': must('A method that there is none of gets 404 and -32601.'),
    'modern.header.method': must('`Mcp-Method` is there and is that of the body; values keep their case.'),
    'modern.header.name': must('`Mcp-Name` is there and is the name or URI of the body, where the method has one.'),
    'modern.header.decoded': must(
      'A value in Base64 is decoded before it is compared, and only between markers exactly as they are given.',
    ),
    'modern.header.case': must('The names of headers are the same in any case.'),
    'modern.header.error': must('A fault of the headers is 400 with -32020, and the id of the request.'),
    'modern.header.intermediary': should('Headers are believed only for a revision that has them checked.', {
      notOurs: 'No decision of the relay rests on a mirrored header.',
    }),
  },
} as const satisfies Section

const PARAMETERS = {
  title: 'Streamable HTTP without sessions: parameters in headers',
  said: [
    '2026-07-28 basic/transports/streamable-http#server-behavior-for-custom-headers',
    '2026-07-28 basic/transports/streamable-http#custom-headers-from-tool-parameters',
  ],
  revisions: MODERN,
  requirements: {
    'modern.param.matches': must('A header of an annotated parameter that is missing, or is not the value of the body, is refused.'),
    'modern.param.absent': must('Nothing is expected for an argument that is null or not there.'),
    'modern.param.characters': must('A header with characters that cannot be is refused.'),
    'modern.param.numbers': should('Integers are compared as numbers.'),
    'modern.param.unknown': must('A header of no annotated parameter is ignored.'),
    'modern.param.current-schema': must("The tool's present schema is what counts, also after it has changed."),
    'modern.param.annotations': must('Annotations that are misplaced, doubled, of no primitive or no token count for nothing.'),
    'modern.param.hidden-tools': must('A tool with an invalid annotation is left out of the list.', { notOurs: CLIENT }),
    'modern.param.sent': must('The client encodes and sends them.', { notOurs: CLIENT }),
  },
} as const satisfies Section

const OLDER = {
  title: 'Streamable HTTP without sessions: beside older revisions',
  said: ['2026-07-28 basic/transports/streamable-http#earlier-streamable-http-revisions', '2026-07-28 basic/versioning'],
  revisions: MODERN,
  requirements: {
    'modern.older.405': should('GET and DELETE of a client of this revision get 405.'),
    'modern.older.no-session': should('A session id that comes with a request is ignored, and none is given.'),
    'modern.older.last-event-id': should('A `Last-Event-ID` that comes with a request is ignored.'),
    'modern.older.http-sse': should('HTTP with SSE of 2024-11-05 is still there.'),
  },
} as const satisfies Section

export const MODERN_HTTP = [SENDING, RECEIVING, METADATA, PARAMETERS, OLDER] as const
