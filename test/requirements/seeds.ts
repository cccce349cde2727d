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
        'An owner is told of its own shares whether they serve, what their servers say of themselves, and how many tools clients are offered; nothing of what is held back.',
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
        "A backend is exactly the web app that an agent's own command line names, or refused by name; servers and sessions of an owner are bounded.",
      ),
      'seeds.gateway.stale': promised('A server that is not registered again is forgotten after ten minutes, and all of a share with it.'),
      'seeds.gateway.apart': promised(
        "Names and sessions are of one owner; an agent finds and takes its own share's only, and nobody is let in without either's token.",
      ),
      'seeds.gateway.sessions': promised(
        'A session is the same for the same user, server and kind, opens the web app and nothing else, and ends with its time, its backend or its link.',
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
      'link.tls-options': promised('Certificates that cannot be read, or are none, end the agent with an error that names the option.'),
    },
  },
] as const satisfies readonly Section[]
