/** What HTTP with SSE of 2024-11-05 asks of a server, which is what the relay is to its clients. Data only. */
import { must, type Section, should } from './requirement.ts'

const TRANSPORT = {
  title: 'HTTP with SSE',
  said: ['2024-11-05 basic/transports#http-with-sse'],
  revisions: ['2024-11-05'],
  requirements: {
    'sse.two-endpoints': must('There is an endpoint for the stream and one for messages, beside that of Streamable HTTP.'),
    'sse.endpoint-first': must('The first event is `endpoint` with the address for messages, of the same origin and share.'),
    'sse.messages-on-stream': must("The server's messages are `message` events of the stream, and a post is only accepted."),
    'sse.origin': must('A connection of a foreign page is refused.'),
    'sse.loopback': should('On one machine the relay listens on loopback only.'),
    'sse.authenticated': should('Both endpoints ask who comes, and a session answers its own principal only.'),
    'sse.client-posts': must('The client posts its messages to the endpoint it was given.', { notOurs: 'It binds the client.' }),
  },
} as const satisfies Section

export const HTTP_SSE = [TRANSPORT] as const
