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
