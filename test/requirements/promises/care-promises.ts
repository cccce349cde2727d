/** What promises 6 to 10 of docs/design.md mean, sentence by sentence: cost, speed, signs of life, trust, bounds. Data only. */
import { promised, type Section } from '../requirement.ts'

const IDLE = {
  title: 'Promise 6: idle costs nothing',
  said: ['docs/design.md, promise 6'],
  revisions: [],
  requirements: {
    'promise.6.hibernates': promised('A share sleeps with its agents connected, its clients listening and its long calls waiting.'),
    'promise.6.wakes-right': promised('A share that has slept delivers the next message and answers the next call as if it had not.'),
    'promise.6.no-timer': promised('When nothing is in flight, no timer is left behind.'),
    'promise.6.no-rpc-for-ever': promised(
      'No RPC waits in the object without a bound: what a client has left behind does not keep it awake.',
    ),
    'promise.6.state-survives': promised('What must hold after sleep does: credit, suspicion, streams, sessions.'),
    'promise.6.moves': promised(
      'A call that waits long moves to a socket that may sleep, and is answered once, whatever comes in between.',
    ),
    'promise.6.left-initialize': promised(
      'A session whose client left before it was told how initialize ended ends with its server process, unless the client comes back.',
    ),
    'promise.6.idle-children': promised('A child with nothing to do is ended, unless a client listens.'),
  },
} as const satisfies Section

const ONE_ROUND_TRIP = {
  title: 'Promise 7: a call costs one round trip',
  said: ['docs/design.md, promise 7'],
  revisions: [],
  requirements: {
    'promise.7.one': promised('A warm call, notification, GET or DELETE asks the Share once.'),
    'promise.7.two-after-change': promised('A translated call asks twice after either side has changed, and once from then on.'),
    'promise.7.stale-is-told': promised('A call that names an old state of the tools is made again with the new, and not on the old.'),
    'promise.7.list-failure': promised(
      'Where the list cannot be had by which a request is judged, its client is told how that has failed, and that nothing has run; of no tool more than of another.',
    ),
    'promise.7.no-write': promised('No row is written for a call or a streamed event.'),
    'promise.7.flush': promised(
      'What is counted of calls is written once in two seconds at most, however many there are, by alarm, and is kept over sleep.',
    ),
    'promise.7.sliding': promised('An end that slides with use is moved at most once a hundredth of its life, and never with a call.'),
    'promise.7.verified-once': promised('A credential is verified once, and taken from memory until it expires.'),
  },
} as const satisfies Section

const SIGNS_OF_LIFE = {
  title: 'Promise 8: the client always knows that we live',
  said: ['docs/design.md, promise 8'],
  revisions: [],
  requirements: {
    'promise.8.start-orders': promised('npm start says how whoever runs it hands out another link, and sees who calls.'),
    'promise.8.failing-start': promised(
      'The owner of a server that fails to start is told so at once, with its last words, before anybody calls.',
    ),
    'promise.8.call-log': promised(
      'The log of the relay has a line for each call, within bounds, and counts refused credentials, with ids hashed.',
    ),
    'promise.8.browser-page': promised(
      "Whoever opens a share's MCP URL in a browser reads what it is, or why it cannot be used; no program gets that, and no secret stands in it.",
    ),
    'promise.8.headers-5s': promised('Headers wait at most 5 s for a first answer; then the response opens.'),
    'promise.8.comments': promised(
      'An open stream has a comment at once and then every 15 s, and a JSON body something that means nothing.',
    ),
    'promise.8.modern-7s': promised(
      'While a call of 2026-07-28 waits there is a comment every 7 s, so that a client that has left is noticed.',
    ),
    'promise.8.late-status': promised('A failure found after the stream has opened travels as a JSON-RPC error with the id of its call.'),
    'promise.8.heartbeat-progress': promised('A silent call with a progress token gets progress in tiny steps.'),
    'promise.8.progress-rises': promised("Progress only ever rises; the server's own values are raised where they would not."),
    'promise.8.none-after-answer': promised('No progress comes after the answer.'),
    'promise.8.outlasts-timeout': promised('A client whose clock starts over with progress outlasts its own timeout.'),
  },
} as const satisfies Section

const CLOSED = {
  title: 'Promise 9: closed by default',
  said: ['docs/design.md, promise 9'],
  revisions: [],
  requirements: {
    'promise.9.constant-time': promised('Secrets are compared in a time that tells nothing of them.'),
    'promise.9.hashed': promised('The owner key and tokens are not in the storage as they are.'),
    'promise.9.shown-once': promised('A token is shown when it is made, and in no later answer of the API.'),
    'promise.9.not-in-logs': promised('No secret stands in a log, an error or a process title.'),
    'promise.9.masked': promised(
      "What a server says to clients has neither the agent's token in it nor the values of its variables that look like secrets, however JSON spells them, unless its owner wants it.",
    ),
    'promise.9.stderr': promised(
      'What a server writes to stderr is told to no client, unless its owner has it told and the process is that of one client.',
    ),
    'promise.9.forged': promised('A token, key or share id with anything changed is refused, and no object comes to be for it.'),
    'promise.9.own-door': promised('Each kind of token opens its own door only.'),
    'promise.9.agent-policy': promised(
      'What the agent is told to keep from clients no relay can let through, in lists or calls, by any door.',
    ),
    'promise.9.before-upgrade': promised('Authentication comes before an upgrade.'),
    'promise.9.environment': promised('The server gets an allow-listed environment, with none of our variables.'),
    'promise.9.no-shell': promised('No shell starts the server.'),
    'promise.9.origins': promised('Pages of our own origin, loopback pages on a loopback relay and allowed ones are let in, and no other.'),
    'promise.9.preflight': promised('A preflight is answered before authentication.'),
    'promise.9.unclaimed': promised('A fresh relay answers 503 `RELAY_UNCLAIMED` to all but `/healthz` and a claim.'),
    'promise.9.claimed-once': promised('A claim needs the code from the log, and there is one owner only.'),
    'promise.9.read-by-default': promised(
      'A link that its owner does not say more of may only read; the one that comes with a share may do everything.',
    ),
    'promise.9.every-route': promised(
      'Each route of the API answers each kind of credential, in each state of the share, as is written, and whoever is refused changes nothing.',
    ),
    'promise.9.described': promised(
      '`/api/openapi.json` has each call of the API and no other, and each answer of the API is of the form that it says.',
    ),
    'promise.9.owner-line': promised(
      "An owner's command line takes secrets from no argument, keeps them where only its user reads them, and shows those that it makes once.",
    ),
    'promise.9.own-shares': promised('An owner sees and orders its own shares; those of others are unknown to it, also for the deployer.'),
    'promise.9.owner-asked': promised('A removed owner is refused by its next request; its shares are paused and pass to the deployer.'),
    'promise.9.change-told': promised(
      'What an owner changes or revokes reaches every object of the share: what was not reached is told again until it has heard.',
    ),
    'promise.9.revoked': promised(
      'What a link does ends within a second when it is revoked, expires or is rotated, on every lane, and others notice nothing.',
    ),
    'promise.9.gate': promised('Every RPC and stream socket to a Share shows a pass, and none does anything with one that is not let in.'),
    'promise.9.no-challenge': promised('A link in a URL that is wrong, revoked or over is 404 or 410, and never a challenge.'),
    'promise.9.sign-in': promised(
      'Who is invited signs in with an access code, once, and their access ends at once with their link, whatever they hold.',
    ),
    'promise.9.access-token': promised('An access token is good for the URL that was typed only, and is verified without an object.'),
    'promise.9.consent': promised('Consent can be neither framed, forged nor replayed.'),
    'promise.9.register-nothing': promised('Who registers a client or opens a consent page has nothing written.'),
    'promise.9.refresh-once': promised('Processes that refresh with one token all live on.'),
    'promise.9.sessions': promised(
      'An owner sees the clients of its share, and ends any of them at once; what it is shown opens no session.',
    ),
    'promise.9.usage': promised('An owner sees when each link was used last, and for how many calls, on all lanes together.'),
    'promise.9.audit': promised(
      'An owner is told of each call by whom it was made, what it was and how it ended, and nothing of what it carried.',
    ),
    'promise.9.captured': promised(
      'What calls carry is kept only for an owner who has asked for it, masked and cut, in no log, and goes when that is turned off.',
    ),
    'promise.9.anonymous': promised(
      'Who shows no credential is let in where the owner says so and nowhere else, is another principal in each session, and does no more than that policy says.',
    ),
    'promise.9.slowed': promised(
      'Who tries wrong codes and tokens is slowed, by address and share; no object is woken and no row written for it, and a right one never waits.',
    ),
    'promise.9.address': promised(
      'From where a client comes is what Cloudflare, the connection or a proxy that its deployer trusts says, and never what the client says.',
    ),
    'promise.9.expires': promised('A credential is refused from the moment on that it expires, and all are when the share ends.'),
  },
} as const satisfies Section

const BOUNDED = {
  title: 'Promise 10: bounded everything, and fairly',
  said: ['docs/design.md, promise 10'],
  revisions: [],
  requirements: {
    'promise.10.body': promised('A body over 8 MiB is refused with 413, however its length is told, and disturbs nobody.'),
    'promise.10.small-heap': promised(
      'Of a long body only what the relay reads becomes values, so that no body of 8 MiB becomes many times its size in memory.',
    ),
    'promise.10.batch-calls': promised('Of a batch no more than six calls are under way at once, and each is answered.'),
    'promise.10.line': promised('A line of the server over 64 MiB is `LINE_TOO_LONG`, and the channel lives on.'),
    'promise.10.unreadable': promised(
      'A server whose output can hold no message fails the calls that wait for it, and says why; one that greets first is waited for.',
    ),
    'promise.10.silent-start': promised('A server that has said nothing for 30 s since its start is named in the log.'),
    'promise.10.children': promised(
      'There are no more children than `--max-children`; one more is refused by name, or an idle one makes room.',
    ),
    'promise.10.agent-calls': promised(
      'An agent that takes so many calls at a time is sent no more: others go to agents with room, or wait for their turn, for 3 s and fairly, and then fail with a name, unrun.',
    ),
    'promise.10.own-first': promised(
      'Who asks for more than its share, of server processes, sessions or waiting calls, loses its own or is refused, and nobody else.',
    ),
    'promise.10.root': promised(
      'What its holder narrows counts as the link of the owner’s that it comes from: processes, sessions, waiting calls.',
    ),
    'promise.10.guests': promised(
      'All who show no credential together have a tenth of sessions and waiting calls and half of the processes, and crowd out nobody who has one.',
    ),
    'promise.10.unread': promised('A server that does not read gets no more than 16 MiB; what comes then fails as `BACKLOG_FULL`.'),
    'promise.10.asks': promised('A server cannot have more requests open than there is room for.'),
    'promise.10.links': promised('A share has at most 1,000 links that have not ended; those that have give way.'),
    'promise.10.memory': promised('What is kept of lists, verified credentials and tables is bounded: the oldest goes.'),
    'promise.10.sse-posts': promised(
      'Of calls over HTTP+SSE so many bytes are kept until they are answered: whoever brings more loses its own oldest.',
    ),
    'promise.10.rows': promised('No row outlives what it speaks of, and none is looked for by reading all.'),
    'promise.10.audit': promised('What is kept of calls for their owner is bounded in number and in length: the oldest goes.'),
    'promise.10.audit-rings': promised(
      'No flood of calls pushes out what an owner is told of others: links have equal shares of what is kept, and who shows no credential has a part of its own.',
    ),
    'promise.10.held': promised(
      'Of one link, with all that was narrowed from it, 20 calls wait for the owner at most, and others are not hindered.',
    ),
    'promise.10.named': promised('Every overflow is an error with a name and advice, and its numbers are those of `limits.ts`.'),
    'promise.10.credit': promised('An agent sends no more than it was granted, and a client that does not read is granted no more.'),
    'promise.10.object-4mib': promised('The Share holds at most 4 MiB of a channel, however large the bodies are.'),
    'promise.10.object-32mib': promised(
      'The Share holds at most 32 MiB in all: beyond that the streams end of those who owe most, and can be resumed.',
    ),
    'promise.10.chunks': promised('Large requests and answers pass in chunks, byte for byte.'),
    'promise.10.fair': promised('A flood, a slow reader or a large answer delays nobody else.'),
    'promise.10.slow-listener': promised(
      'A listen of 2026-07-28 whose client does not read, while calls of its group wait for that, ends with `EVENTS_LOST` after 10 s.',
    ),
    'promise.10.no-hello': promised('A socket of an agent that does not say hello is closed after 10 s.'),
    'promise.10.retries': promised('Retries back off and stay within their bounds.'),
    'promise.10.rounds': promised('A server that asks for ever, and a question that nobody answers, come to an end.'),
  },
} as const satisfies Section

const ALLOWED = {
  title: 'Promise 11: only what was allowed',
  said: ['docs/design.md, promise 11'],
  revisions: [],
  requirements: {
    'promise.11.hidden': promised(
      'What the policies of a link do not allow is in none of its lists and is refused on every way in, as what does not exist is.',
    ),
    'promise.11.own-list': promised('A call that waits for its turn is run by no other agent than that by whose list it was judged.'),
    'promise.11.moved': promised(
      'A call that is judged by a list is run by another agent, while its own is lost, only if the list of that one allows it too.',
    ),
    'promise.11.changes': promised('A changed policy holds from the next request on.'),
    'promise.11.arguments': promised('A rule on arguments lets through what lies within it, and nothing that could be read otherwise.'),
    'promise.11.strictest': promised('Of several policies the strictest holds: one more never allows what fewer refuse.'),
    'promise.11.narrowed': promised(
      'A link that its holder has narrowed is one of its own, which can do no more than the one it was made of, and nobody can widen it again.',
    ),
    'promise.11.fresh': promised('A tool is judged by what the server says of it now.'),
    'promise.11.held': promised(
      'What a policy holds reaches no server before its owner has allowed it; what is denied is an error of the tool.',
    ),
    'promise.11.held-once': promised('What was allowed once runs once, whatever sleeps, is reset or breaks meanwhile.'),
    'promise.11.held-unrun': promised('What was allowed once of a call that has failed without having run is there for the next.'),
    'promise.11.held-always': promised('What is always allowed runs without asking, at the cost of any call, until it is taken back.'),
    'promise.11.held-late': promised(
      'A client that has waited 45 s, or has left, is not decided about in vain: its next try uses what was allowed.',
    ),
    'promise.11.held-bound': promised(
      'An approval is good for the same principal, server, tool as it was listed, policies and arguments only, and a number counts as it was sent.',
    ),
    'promise.11.held-doors': promised('Calls are held on every way in, by clients and on servers of either era.'),
    'promise.11.held-rounds': promised(
      'A call that asks its client for input is allowed with all its rounds, and nobody else passes for one of them.',
    ),
    'promise.11.held-shown': promised('The owner sees all that a call would do, and nothing hidden; what cannot be shown so is refused.'),
    'promise.11.held-ends': promised(
      'A call that is held ends at once with its link, its session or its cancellation, and leaves nothing behind.',
    ),
    'promise.11.held-lanes': promised('What an owner has decided holds on all lanes of a share, and once in all.'),
    'promise.11.held-order': promised('An owner sees what waits and decides about it in the API and on the command line.'),
    'promise.11.pinned-first': promised(
      "What a server offers is listed in full when its agent connects, in the relay's own name, and pinned as it is the first time.",
    ),
    'promise.11.pinned': promised(
      'What is new or has changed since is in no list and refused on every way in, in every revision, on every lane, after sleep and restarts; pinned instructions stand in for changed ones.',
    ),
    'promise.11.accepted': promised(
      'It is offered from the request on that follows its acceptance by the owner, who is shown both texts and accepts what was shown.',
    ),
    'promise.11.name-warning': promised(
      'Whoever names a share, a link, a person or an owner as another is named is told that names cannot tell the two apart.',
    ),
    'promise.11.read-warning': promised(
      'Whoever makes a link that may only read is told where the server says of no tool that it only reads.',
    ),
    'promise.11.pinned-off': promised(
      'Where pinning is off nothing is listed for it and nothing held back; turned on again it begins anew.',
    ),
    'promise.11.pinned-bounded': promised(
      'Of what a server offers beyond what can be listed and pinned everything is held back, and the owner is told.',
    ),
  },
} as const satisfies Section

const LIMITED = {
  title: 'Promise 12: no more than was allowed',
  said: ['docs/design.md, promise 12'],
  revisions: [],
  requirements: {
    'promise.12.exact': promised('Of any number of calls at once exactly as many get through as a limit has room for.'),
    'promise.12.told': promised('What a limit refuses has not run, and is told which limit it is and when to come again.'),
    'promise.12.every-way': promised('A limit holds on every way in.'),
    'promise.12.outlives': promised("What is used of a limit outlives sleep, the agent's return, a crash and a deploy."),
    'promise.12.lanes': promised('A limit is one on all lanes of a share.'),
    'promise.12.chain': promised('What a narrowed link uses is used of the limits of every link that it was made of.'),
    'promise.12.addresses': promised(
      'What may be used from each address is counted for each of them, and nobody begins anew because others come.',
    ),
    'promise.12.no-rows': promised(
      'No row is written for a call: one each 2 s while limited calls run, and none where nothing is limited.',
    ),
    'promise.12.members': promised('Calls, bytes of bodies, run time and calls at once can be limited, of a share and of a link.'),
  },
} as const satisfies Section

export const CARE_PROMISES = [IDLE, ONE_ROUND_TRIP, SIGNS_OF_LIFE, CLOSED, BOUNDED, ALLOWED, LIMITED] as const
