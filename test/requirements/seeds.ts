/** What is kept of the addresses of other systems. Data only. */
import { promised, type Section } from './requirement.ts'

export const SEEDS = [
  {
    title: 'Addresses of other systems',
    said: ['docs/seeds.md'],
    revisions: [],
    requirements: {
      'seeds.addresses': promised(
        'A share is reached at /share/<share>.<key>/ and /mcp/<share>.<key>/ as at its own URL; other paths there lead to its web app.',
      ),
      'seeds.health': promised('/health answers anybody, and tells nothing.'),
      'seeds.catalog': promised(
        'An owner is told of its own shares whether they serve, what their servers say of themselves, and how many tools clients are offered; of what is held back no more than how much.',
      ),
      'seeds.catalog.follows': promised(
        'The catalogue follows the agents that are there: of a server whose agent is gone it tells nothing once another serves in its place.',
      ),
      'seeds.server-json': promised(
        'Each share is described as the MCP Registry does it, within the bounds of that format, and without a credential.',
      ),
      'seeds.metrics': promised('/metrics tells an owner of its own shares, in the text format of Prometheus, and nobody else.'),
    },
  },
  {
    title: "Servers by name, and sessions with them, in mcp-web-ui's shapes",
    said: ['docs/foreign-agents.md'],
    revisions: [],
    requirements: {
      'seeds.gateway.registers': promised(
        'An owner, or an agent for its own share, registers a server under a name, which is found by it.',
      ),
      'seeds.gateway.bounded': promised(
        "A backend is exactly the web app that an agent's own command line names, or refused by name; servers and sessions of an owner are bounded, and those of each share's agents apart.",
      ),
      'seeds.gateway.stale': promised('A server that is not registered again is forgotten after ten minutes, and all of a share with it.'),
      'seeds.gateway.apart': promised(
        "Names and sessions are of one share; an agent finds and takes its own share's only, and nobody is let in without either's token.",
      ),
      'seeds.gateway.sessions': promised(
        "A session is the same for the same user, server and kind, opens the web app and nothing else, and ends with its time, its backend, its link or the agent's token that has had it made.",
      ),
    },
  },
  {
    title: 'Command lines of other systems',
    said: ['docs/agent.md'],
    revisions: [],
    requirements: {
      'seeds.variables': promised(
        "The variables of ContextForge's reverse proxy are taken where ours say nothing, and its token reaches no server.",
      ),
      'seeds.start-options': promised(
        'npm start refuses, or says that it does not look at, what names another relay or its token; a command in one word is taken.',
      ),
      'seeds.options': promised(
        'Its options, and levels in capitals, are taken as well; a command in one word is parted as a shell does, and no shell runs it.',
      ),
    },
  },
  {
    title: 'The way to the relay',
    said: ['docs/agent.md'],
    revisions: [],
    requirements: {
      'link.proxy': promised('The agent dials through the proxy that the usual variables name, and says so where that cannot be used.'),
      'link.tls': promised('The agent trusts who signs by --ca beside those that Node trusts, and shows who it is by --cert.'),
      'link.poll.serves': promised('Where no WebSocket gets through, an agent serves its share by polls.'),
      'link.poll.falls-back': promised(
        'The agent falls back to polls by itself when something on the way refuses, answers, hangs or cuts its WebSocket, and never because of what the relay says.',
      ),
      'link.poll.returns': promised('It leaves polling as soon as a WebSocket gets through, without losing a call or running one twice.'),
      'link.poll.credentials': promised(
        'Whoever polls shows what it would show for a WebSocket; a session is of use with its own token alone.',
      ),
      'link.poll.in-order': promised(
        'Messages keep their order over polls: what was lost on its way comes again, and nothing is passed on twice.',
      ),
      'link.poll.ends': promised(
        'A poll ends after 30 s at most, when another takes its place, and with what ends the link, which it is told.',
      ),
      'link.poll.restart': promised(
        'After a restart of the relay a poll is told that its link is over, and calls go on once the agent is back.',
      ),
      'link.poll.gone': promised('When polls stop, the link ends, and calls wait for its agent as after any cut.'),
      'link.poll.bounded': promised('What waits for polls, and what one request brings, is bounded, with named errors.'),
      'link.poll.options': promised(
        'How the relay is reached, how long polls wait and how soon they are made again is for the user to say.',
      ),
      'link.tls-options': promised('Certificates that cannot be read, or are none, end the agent with an error that names the option.'),
    },
  },
] as const satisfies readonly Section[]
