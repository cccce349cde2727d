/** What promises 1 to 5 of docs/design.md mean, sentence by sentence: answers, calls, deaths, sessions, streams. Data only. */
import { promised, type Section } from '../requirement.ts'

const RIGHT_ANSWERS = {
  title: 'Promise 1: right answers to the right client',
  said: ['docs/design.md, promise 1'],
  revisions: [],
  requirements: {
    'promise.1.same-ids': promised('Clients that use the same ids and progress tokens at once each get their own answers and progress.'),
    'promise.1.ids-kept': promised('On a channel of one session the server sees the ids that the client wrote.'),
    'promise.1.ids-assigned': promised(
      'On a shared channel the server sees small integers in place of id and progress token, and the client gets back its own.',
    ),
    'promise.1.bodies-untouched': promised(
      'Between peers of one era each byte of a body arrives as sent, big integers, `1.0` and key order included.',
    ),
    'promise.1.unknown-members': promised(
      'Members that no revision knows, of capabilities, params, `_meta`, results and entries of lists, come out as they went in, in all pairings of client and server.',
    ),
    'promise.1.extension-kinds': promised(
      'Kinds of results and requests of an extension that the client has declared pass in all pairings of client and server.',
      { provedBy: ['matrix: an app', 'matrix: skills', 'matrix: a vendor’s method', 'matrix: a vendor’s notification during a call'] },
    ),
    'promise.1.audience': promised(
      'What a server lists to clients that say the same of themselves is told to no others, and nobody else’s calls are judged, checked, repeated or written by it.',
    ),
    'promise.1.ids-distinct': promised('The ids `0`, `"1"` and `1` are three ids.'),
    'promise.1.odd-servers': promised(
      'What the official clients take of a server is taken: ids of another type, members that are null, a byte order mark before a line. The client gets its own id, and no such member.',
    ),
    'promise.1.stray-answers': promised('An answer that is late, repeated or to nothing that was asked reaches nobody.'),
    'promise.1.sessions-apart': promised("Nobody hears anything of another's session, whatever ids they come with."),
    'promise.1.nulls-absent': promised('A member of a message that is null and need not be there counts as absent, whoever wrote it.'),
    'promise.1.keys-unmistakable': promised(
      'A message of a client in which a key of routing stands twice, or another that a reader could take for it, is refused.',
    ),
    'promise.1.relay-keys': promised(
      'A client cannot speak to a server as the relay: keys of a `_meta` that begin with `mcp-edge/`, in any spelling, are refused.',
    ),
    'promise.1.tells-principal': promised(
      'A server whose owner wants it is told with each request who calls, in every revision and on a process that several share; no other server is.',
    ),
    'promise.1.asks-certain': promised(
      'A request of the server reaches the client whose call it certainly belongs to, or is refused, and is answered by nobody else.',
    ),
  },
} as const satisfies Section

const NOTHING_LOST = {
  title: 'Promise 2: nothing lost, nothing run twice',
  said: ['docs/design.md, promise 2'],
  revisions: [],
  requirements: {
    'promise.2.nothing-lost': promised('Every call ends, with its answer or with an error that says what became of it.', {
      provedBy: ['chaos: lost', 'chaos: error without type', 'chaos: connection broke though the relay lived'],
    }),
    'promise.2.start-taken-over': promised(
      'A start on which its client gave up is taken over by the next `initialize` of its principal that is equal but for its id: no second process.',
    ),
    'promise.2.sse-taken': promised(
      'What is answered over HTTP+SSE on a stream whose client is gone is told on the one with which it comes back; a post whose client has none is refused.',
    ),
    'promise.2.sse-heard': promised('A post over HTTP+SSE is accepted only while the stream is open that brings its answer.'),
    'promise.2.never-twice': promised('No call runs twice that may run once only, whatever breaks.', {
      provedBy: ['chaos: executed twice'],
    }),
    'promise.2.same-key': promised('A call that is made again after a reset of the Share or a cut of the link has the key that it had.'),
    'promise.2.answered-from-memory': promised('A known key is answered from what the agent kept, without running again.'),
    'promise.2.forgotten-answer': promised('A known key whose answer is kept no more fails as executed.'),
    'promise.2.memory-bounds': promised('The agent keeps call keys for ten minutes, and answers for 60 s or 64 MiB, whichever ends first.'),
    'promise.2.holder-only': promised('A call is made again with the agent that holds its key, and with no other.'),
    'promise.2.assigned-afresh': promised(
      'A call goes to another agent or child only when all that may have run it have spoken or are proved dead; else it fails as `unknown`.',
    ),
    'promise.2.receipts': promised('After a cut the agent sends again what has no receipt, and nothing that has one.'),
    'promise.2.notifications-held': promised(
      "A client's notification or answer gets its 202 with the agent's receipt; without it is sent again.",
    ),
    'promise.2.notifications-once': promised('A notification that comes again with its key reaches the server once.'),
    'promise.2.sse-again': promised(
      'A call over HTTP+SSE that has not run, or may run twice, is made again by the relay, though its post was accepted before.',
    ),
    'promise.2.repeated-after-death': promised('A call that may run twice by its nature is run once more when its child dies under it.'),
    'promise.2.repeatable': promised('Only a call that may run twice by its nature is run by another agent while its own is lost.'),
  },
} as const satisfies Section

const PROVED_DEATH = {
  title: 'Promise 3: death is proved, not guessed',
  said: ['docs/design.md, promise 3'],
  revisions: [],
  requirements: {
    'promise.3.cut-waits': promised('Calls of a link that was cut wait for the same instance to come back, and go on with it.'),
    'promise.3.grace-ends': promised(
      'When the grace time is over without proof, calls fail as `unknown`, and sessions go on with another agent.',
    ),
    'promise.3.new-instance': promised('A hello of the same name with a new instance fails the calls of the old one at once.'),
    'promise.3.died': promised('A `died` frame fails the calls of that channel at once, and no others.'),
    'promise.3.says-executed': promised('A failure says rightly whether the call ran: `no` never ran, `yes` did.', {
      provedBy: ['chaos: said no, but ran', 'chaos: said yes, but did not run'],
    }),
    'promise.3.half-open': promised(
      'A link that only looks open is found out by its silence, and calls wait on it until something is proved or the grace time is over.',
    ),
    'promise.3.silent-ends': promised('An agent of which nothing is heard for the grace time after a call is lost, and leaves the list.'),
    'promise.3.listed-when-there': promised(
      'The list of agents that the owner asks for names those that answer then, and one that is frozen is given up.',
    ),
    'promise.3.unbegun-moves': promised('A session that has not begun on an agent that is lost begins on another at once.'),
    'promise.3.heartbeats': promised('A client whose call waits for a lost agent goes on hearing from the relay.'),
  },
} as const satisfies Section

const LASTING_SESSIONS = {
  title: 'Promise 4: sessions outlive processes',
  said: ['docs/design.md, promise 4'],
  revisions: [],
  requirements: {
    'promise.4.id-lives': promised('A session id works on after its child, its agent or the relay has ended and come back.'),
    'promise.4.handshake-replayed': promised(
      "A new child gets the session's initialize and notifications/initialized before anything else.",
    ),
    'promise.4.state-replayed': promised('A new child gets the newest log level and the subscriptions of its session.'),
    'promise.4.restarted-mark': promised('The first result of a new child carries `mcp-edge/restarted`, and no later one does.'),
    'promise.4.unknown-404': promised("An unknown session, and another principal's, is exactly 404, by every method."),
    'promise.4.kept-answers': promised(
      'While no agent is there, what the server said of itself and its lists is answered from what was kept.',
    ),
    'promise.4.bounded-wait': promised('Any other call waits for an agent, for a bounded time.'),
    'promise.4.away-503': promised('What cannot wait or has waited in vain ends in 503 with `Retry-After`, never in 404 or 400.'),
    'promise.4.foreign-refusals': promised(
      'An agent ends for good by the word of the relay only; what else answers its dial delays it, and is named in its log.',
    ),
    'promise.4.sse-returns': promised(
      'An event source of HTTP+SSE whose stream broke goes on with its session when it comes back in time.',
    ),
    'promise.4.list-changed': promised('Clients that listen hear that lists may have changed when their server was started anew.'),
  },
} as const satisfies Section

const RESUMED_STREAMS = {
  title: 'Promise 5: streams resume',
  said: ['docs/design.md, promise 5'],
  revisions: [],
  requirements: {
    'promise.5.numbered': promised("A channel's messages are numbered without gaps, and the numbers are in the event ids."),
    'promise.5.tail-bounds': promised('The agent keeps 256 messages, 4 MiB and five minutes of them.'),
    'promise.5.exactly-the-rest': promised('A client that comes back gets exactly what followed its last event, in order.'),
    'promise.5.of-the-agent': promised(
      'The Share asks the agent for what was missed and keeps no events itself: sleep and reset lose none.',
    ),
    'promise.5.share-reset': promised('When a Worker loses its socket to the Share its client sees nothing of it.'),
    'promise.5.never-untaken': promised(
      'What a server says on a GET stream just after its client was cut off comes on the next one, with or without `Last-Event-ID`.',
    ),
    'promise.5.error-is-a-break': promised('A socket that fails without a close is as broken as one that has closed.'),
    'promise.5.closing-sockets': promised('A socket that is not open is never waited for, whether or not its close is told of.'),
    'promise.5.lost-is-told': promised('A client is told when what it missed is kept no more.'),
    'promise.5.answer-kept': promised('The answer of a call whose client has left waits for it.'),
  },
} as const satisfies Section

export const ANSWER_PROMISES = [RIGHT_ANSWERS, NOTHING_LOST, PROVED_DEATH, LASTING_SESSIONS, RESUMED_STREAMS] as const
