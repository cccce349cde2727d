/** What an agent promises of servers beyond one process on stdio: that speak HTTP, several at once (docs/agent.md). Data only. */
import { promised, type Section } from './requirement.ts'

const LOCAL_HTTP = {
  title: 'Servers that speak HTTP',
  said: ['docs/agent.md, A server that speaks HTTP'],
  revisions: [],
  requirements: {
    'promise.http.session': promised(
      'Each session of a client is one with the server, which is told its id and revision in every request, and its end.',
    ),
    'promise.http.asks': promised('What a server asks during a call reaches the client of that call, and the answer the server.'),
    'promise.http.resume': promised('A stream that a server ends is opened again behind its last event, and the call is not made again.'),
    'promise.http.session-lost': promised(
      'When a server has lost a session, or was restarted, the next call opens another and the client notices nothing but what the server forgot.',
    ),
    'promise.http.down': promised(
      'A server that is not there, is no MCP server or wants credentials is named as such, with what to do about it.',
    ),
    'promise.http.hostile': promised(
      'A call that a server breaks off or answers badly fails once, saying whether it may have run, and is never made twice.',
    ),
    'promise.http.credentials': promised(
      'What the agent is told to tell the server reaches neither another origin nor a client nor a log.',
    ),
    'promise.http.pass-auth': promised(
      'With --pass-auth what a client with a key link shows for the server reaches that alone, and what it refuses reaches that client alone; each credential is somebody else, and nothing of the relay goes there.',
    ),
    'promise.http.modern-headers': promised('Requests of 2026-07-28 carry the headers that mirror them.'),
    'promise.http.unlisted': promised('A server that does not list its tools is not asked for them with each call.'),
    'promise.http.era': promised('Which revisions a server speaks is found out when it is there, also after the agent has started.'),
    'promise.http.sse': promised('Servers of HTTP+SSE are reached with --sse.'),
    'promise.http.bounded': promised(
      'Calls that a server has under way are bounded, by number and by bytes; more are refused as not executed.',
    ),
    'promise.http.policy': promised('The policy of the agent holds for a server that speaks HTTP as for any other.'),
  },
} as const satisfies Section

const CONFIGURED = {
  title: 'Several servers in one agent',
  said: ['docs/agent.md, Several servers'],
  revisions: [],
  requirements: {
    'promise.config.forms': promised('A file of servers is taken as Claude Desktop, Cursor and VS Code have it, in JSON or YAML.'),
    'promise.config.precedence': promised('The command line is over variables, and these over the file.'),
    'promise.config.apart': promised('Each server has a link of its own, and the end of one is only its own.'),
    'promise.config.one-share': promised('Servers without a token of their own are served under one share, each by its name.'),
    'promise.config.names': promised(
      'Whatever servers are called, the names by which they are served are addresses, and no two are the same.',
    ),
    'promise.config.copies': promised('One server can be served to several shares and relays, each for itself.'),
    'promise.config.web': promised(
      'A web app in a file is served as one on the command line is, and under one share as that of the share.',
    ),
    'promise.config.reload': promised(
      'A change of the file touches no server that has not changed, and one that cannot be read touches none.',
    ),
    'promise.config.check': promised(
      'All that is wrong with a file or a command line is said at once, a line each, without dialling, and without a secret.',
    ),
    'promise.config.links': promised('A file says how links are kept, for all servers or for one.'),
    'promise.config.schema': promised('The JSON Schema for editors is that of the schema which validates.'),
  },
} as const satisfies Section

const MERGED = {
  title: 'Several servers as one',
  said: ['docs/agent.md, One server made of several'],
  revisions: [],
  requirements: {
    'promise.merged.lists': promised(
      'Servers of one share are one server too: one list with cursors, in which each name says whose it is, and no two are the same.',
    ),
    'promise.merged.bytes': promised(
      'What a server says reaches clients byte for byte but for names, URIs and ids that say whose they are.',
    ),
    'promise.merged.resources': promised(
      'Each resource that a server names in a list, a tool, a link or an answer can be read, also where two name theirs alike.',
    ),
    'promise.merged.asks': promised('What several servers ask at once under equal ids and tokens is answered to the one that has asked.'),
    'promise.merged.tasks': promised('A task is asked of the server that works on it, whatever ids servers give.'),
    'promise.merged.death': promised(
      'The end of a server fails its own calls, naming it and saying whether they may have run; it is started again with its next use.',
    ),
    'promise.merged.slow': promised(
      'A server that is slow, or does not start, delays the others by a bounded time, and is told of when it is there.',
    ),
    'promise.merged.reload': promised('A change of the file changes of a running session only the servers that have changed.'),
    'promise.merged.handshake': promised('What servers are able to and how to use them is told in one answer to initialize.'),
  },
} as const satisfies Section

const LIBRARY = {
  title: 'The agent as a library',
  said: ['docs/library.md'],
  revisions: [],
  requirements: {
    'promise.library.serves': promised(
      'A program starts and stops an agent, and is told when it serves, what is called and why it has ended.',
    ),
    'promise.library.in-process': promised(
      'A server within the program is served as any other: a new one for each session, in order, no faster than it is taken.',
    ),
    'promise.library.typed': promised('The package has types, by which servers of both official SDKs can be given.'),
  },
} as const satisfies Section

const OWN_FAULTS = {
  title: 'Faults of the agent itself',
  said: ['docs/agent.md, Exit codes'],
  revisions: [],
  requirements: {
    'promise.agent.uncaught': promised(
      'A fault in the agent that nothing has caught is said once, with what to do; the agent leaves in good order, its processes end, and its exit code says so.',
    ),
  },
} as const satisfies Section

export const AGENT_SERVERS = [LOCAL_HTTP, CONFIGURED, MERGED, LIBRARY, OWN_FAULTS] as const
