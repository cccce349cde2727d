import { expect, test } from 'vitest'
import {
  BRIDGED_SHARED_GROUP,
  bridgedGroup,
  channelName,
  groupOf,
  isBridgedGroup,
  isModernGroup,
  isSpareGroup,
  mainGroup,
  markedGroup,
  MODERN_SHARED_GROUP,
  modernGroup,
  SHARED_GROUP,
  spareGroup,
} from '../../../../worker/contract/groups.ts'

const KEY = '0123456789abcdef0123456789abcdef'

test.each([SHARED_GROUP, MODERN_SHARED_GROUP, BRIDGED_SHARED_GROUP, modernGroup('x'), bridgedGroup('x'), 'a-session.with.dots'])(
  'groupOf() reads the group %s out of a channel name and of that of its spare child',
  (group) => {
    expect(groupOf(channelName(group, 12))).toBe(group)
    const spare = spareGroup(group, KEY)
    expect(groupOf(channelName(spare, 1))).toBe(spare)
    expect([isSpareGroup(group), isSpareGroup(spare)]).toEqual([false, true])
    expect([mainGroup(group), mainGroup(spare)]).toEqual([group, group])
  },
)

test('isModernGroup() and isBridgedGroup() tell the groups of clients without sessions apart', () => {
  const groups = [SHARED_GROUP, modernGroup('x'), bridgedGroup('x')]
  expect(groups.map(isModernGroup)).toEqual([false, true, false])
  expect(groups.map(isBridgedGroup)).toEqual([false, false, true])
})

test('markedGroup() names the group whose child a mark speaks of', () => {
  const mark = { generation: 1, n: 1 }
  expect(markedGroup({ ...mark, child: 'own' }, 's')).toBe('s')
  expect(markedGroup({ ...mark, child: 'shared' }, 's')).toBe(SHARED_GROUP)
  expect(markedGroup({ ...mark, child: 'modern' }, 's')).toBe(MODERN_SHARED_GROUP)
})
