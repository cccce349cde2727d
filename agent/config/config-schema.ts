/** What a configuration file may hold: servers as MCP clients write them down, and the agent's options for each. The schema that validates is the one that editors are given. */
import * as v from 'valibot'
import { CONFIG_SERVERS, SERVER_TOKENS } from '../limits.ts'
import { TRANSPORTS } from './transport-options.ts'

const text = (description: string) => v.pipe(v.string(), v.nonEmpty(), v.description(description))
const texts = (description: string) => v.pipe(v.array(v.pipe(v.string(), v.nonEmpty())), v.description(description))
const flag = (description: string) => v.pipe(v.boolean(), v.description(description))
const values = (description: string) =>
  v.pipe(v.record(v.string(), v.union([v.string(), v.number(), v.boolean(), v.null()])), v.description(description))

/** What other programs mean by a server's `transport`: how it speaks, which is `type` here. */
const SPEAKS = ['stdio', 'http', 'streamable-http', 'streamableHttp', 'sse'] as const

/** How the link to the relay is kept, as the options of the same names say it; at the top of a file for all servers. */
const LINK = {
  transport: v.optional(
    v.pipe(
      v.picklist([...TRANSPORTS, ...SPEAKS]),
      v.description(
        'How the relay is reached; auto polls where no WebSocket gets through. Where other programs say here how the server speaks, it is taken for that.',
      ),
    ),
  ),
  pollTimeout: v.optional(text('How long a poll waits at the relay, as 20s; up to 30s.')),
  pollRetryDelay: v.optional(text('Pause after a poll that failed, as 2s; up to 10s.')),
  websocketRetry: v.optional(text('How often polls try for a WebSocket again, as 5m.')),
  reconnectDelay: v.optional(text('First pause before dialling again, as 1s; doubles up to 60s.')),
  maxRetries: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(0), v.description('Failures in a row after which to give up; 0: never.')),
  ),
  keepalive: v.optional(text('Silence after which the link is tested, as 30s.')),
  ca: v.optional(text('File of certificates in PEM that the relay may be signed by, beside those that Node trusts.')),
  cert: v.optional(text('File with a certificate in PEM by which the agent shows who it is, with key (mutual TLS).')),
  key: v.optional(text('File with its private key in PEM.')),
}

/** Members that it does not know are left alone: other programs have some of their own. */
export const CONFIG_SERVER = v.looseObject({
  token: v.optional(
    text('Agent token of the share. Better in tokenFile, or in the variable MCP_EDGE_TOKEN_ with the name of the server in capitals.'),
  ),
  tokenFile: v.optional(text('File that holds the agent token.')),
  tokens: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.nonEmpty())),
      v.minLength(1),
      v.maxLength(SERVER_TOKENS),
      v.description('Agent tokens of several shares, at one relay or more, that all have this server: a primary and a backup.'),
    ),
  ),
  relay: v.optional(text('Relay to dial; the token names one.')),
  ...LINK,
  disabled: v.optional(flag('It is not served.')),
  command: v.optional(text('Program that is the server.')),
  args: v.optional(v.pipe(v.array(v.string()), v.description('Its arguments.'))),
  env: v.optional(values('Its variables; null passes the value of the agent on.')),
  cwd: v.optional(text('Folder that it runs in.')),
  type: v.optional(v.pipe(v.picklist(SPEAKS), v.description('How the server speaks; follows from command and url.'))),
  url: v.optional(text('Address of a server that is there already. One that ends in /sse speaks HTTP+SSE where no type is given.')),
  headers: v.optional(values('Told that server, or web app, in every request.')),
  headerFile: v.optional(text('File of such headers, one a line.')),
  passAuth: v.optional(flag('Let the sign-in of a server with a url through: what a client with a key link shows for it goes to it.')),
  http: v.optional(text('Origin of a web app, like http://localhost:3000; alone, or beside a server.')),
  keepHost: v.optional(flag('The web app sees the public host, and not its own.')),
  merge: v.optional(flag('Whether it has part in the merged server of its share; true unless it is given.')),
  prefix: v.optional(
    v.pipe(
      v.union([v.boolean(), v.literal('')]),
      v.description('false: its tools and prompts keep their names in the merged server. One server may.'),
    ),
  ),
  name: v.optional(text('Name of the agent at the share.')),
  replica: v.optional(flag('Serve the share beside other agents.')),
  replace: v.optional(flag('Take the place of all other agents.')),
  isolate: v.optional(v.picklist(['session', 'share'])),
  era: v.optional(v.picklist(['auto', 'legacy', 'modern', 'both'])),
  maxChildren: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.description('Server processes at a time.'))),
  maxCalls: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.description('Calls at a time; more wait, or go to other agents.'))),
  serves: v.optional(texts('Only tools of these names, beside agents of the share with other patterns.')),
  spread: v.optional(flag('Calls of tools that only read go to all agents of the share that have this, at once.')),
  spare: v.optional(v.picklist([0, 1])),
  idleStop: v.optional(text('End a process that nobody used for so long, as 30m.')),
  readOnly: v.optional(flag('Only tools that say they only read.')),
  allow: v.optional(texts('Only tools of these names.')),
  deny: v.optional(texts('No tools of these names.')),
  argument: v.optional(texts("Bounds on a tool's arguments.")),
  tellStderr: v.optional(flag('Tell a client whose process fails what that wrote to stderr.')),
  tellPrincipal: v.optional(flag('Tell the server who calls.')),
  mask: v.optional(flag('Mask secrets in what the server says; true unless it is given.')),
})

export const SERVER_NAME = v.pipe(v.string(), v.regex(/^\P{Cc}{1,64}$/u, 'a name of 1 to 64 characters'))

const SERVERS = v.pipe(
  v.record(SERVER_NAME, CONFIG_SERVER),
  // Also where something else is wrong, so that all is told at once.
  v.rawCheck(({ dataset, addIssue }) => {
    if (Object.keys(dataset.value ?? {}).length > CONFIG_SERVERS) addIssue({ message: `at most ${CONFIG_SERVERS} servers` })
  }),
)

export const CONFIG = v.looseObject({
  token: v.optional(
    text('Agent token of one share for all servers that have no token of their own. Better in tokenFile, or in MCP_EDGE_TOKEN.'),
  ),
  tokenFile: v.optional(text('File that holds it.')),
  merge: v.optional(flag('Whether these servers are one server too, at the address of the share itself; true unless it is given.')),
  relay: v.optional(text('Relay to dial, for servers that name none.')),
  ...LINK,
  mcpServers: v.optional(v.pipe(SERVERS, v.description('Servers, as Claude Desktop and Cursor have them.'))),
  servers: v.optional(v.pipe(SERVERS, v.description('Servers, as VS Code has them.'))),
})

export type ServerEntry = v.InferOutput<typeof CONFIG_SERVER>

/** How a link is kept, as a file says it. */
export type LinkEntry = Pick<ServerEntry, 'relay' | keyof typeof LINK>

/** What a file says of one share for all its servers, and of their links. */
export type ShareEntry = LinkEntry & Pick<v.InferOutput<typeof CONFIG>, 'token' | 'tokenFile' | 'merge'>

/** Members of a server that mean something here. */
export const SERVER_MEMBERS: ReadonlySet<string> = new Set(Object.keys(CONFIG_SERVER.entries))
