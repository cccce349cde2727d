import { expect, test } from 'vitest'
import { besideGroup, channelName, routedGroup, SHARED_GROUP } from '../../../../../worker/contract/groups.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'
import type { AgentLinks } from '../../../../../worker/share/agents/links.ts'
import { ServedSets } from '../../../../../worker/share/agents/served-sets.ts'
import type { Store } from '../../../../../worker/share/rows/store.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const LINK = { name: 'files', set: 'fs_*' } as AgentLink

/** Of a share with one agent; `generations`: of its children, by group. */
function sets(generations: Readonly<Record<string, number>> = {}): ServedSets {
  const links = { withServer: () => [LINK], toolsVersion: ({ name }: AgentLink, ch: string) => `${name} ${ch}` }
  const channels = { get: (group: string) => ({ generation: generations[group] ?? 0 }) }
  const store = { channels, links: { served: new Map([['files', 'fs_*']]), lost: () => [] } }
  return new ServedSets(links as unknown as AgentLinks, store as unknown as Store)
}

test('ServedSets.toolsVersion() is one for all children of a session, its own and those for all', () => {
  verifies('promise.serves.judged')
  const chs = ['sess', routedGroup('sess', 'fs_*'), SHARED_GROUP, routedGroup(SHARED_GROUP, 'fs_*')].map((group) => channelName(group, 1))
  expect(new Set(chs.map((ch) => sets().toolsVersion(LINK, ch, 'sess'))).size).toBe(1)
})

test('ServedSets.toolsVersion() is another when any of them was started anew', () => {
  verifies('promise.serves.judged')
  const before = sets().toolsVersion(LINK, channelName('sess', 1), 'sess')
  for (const group of ['sess', routedGroup('sess', 'fs_*'), SHARED_GROUP, routedGroup(SHARED_GROUP, 'fs_*')])
    expect(sets({ [group]: 1 }).toolsVersion(LINK, channelName('sess', 1), 'sess')).not.toBe(before)
})

test('ServedSets.toolsVersion() is another when a child was started anew that is judged by its own list', () => {
  verifies('promise.serves.judged')
  const [first, second] = [1, 2].map((generation) =>
    sets().toolsVersion(LINK, channelName(besideGroup('sess', 'files'), generation), 'sess'),
  )
  expect(first).not.toBe(second)
})
