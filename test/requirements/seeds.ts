/** What is kept of the addresses of other systems. Data only. */
import { promised, type Section } from './requirement.ts'

export const SEEDS = [
  {
    title: 'Addresses of other systems',
    said: ['docs/seeds.md'],
    revisions: [],
    requirements: {
      'seeds.addresses': promised(
        'A share is reached at /share/<share>.<key>/ and /mcp/<share>.<key>/ as at its own URL, and nothing else is.',
      ),
      'seeds.health': promised('/health answers anybody, and tells nothing.'),
      'seeds.metrics': promised('/metrics tells an owner of its own shares, in the text format of Prometheus, and nobody else.'),
    },
  },
] as const satisfies readonly Section[]
