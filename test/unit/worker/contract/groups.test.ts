import { expect, test } from 'vitest'
import {
  besideGroup,
  BRIDGED_SHARED_GROUP,
  bridgedGroup,
  channelName,
  clientsGroup,
  clientsOf,
  groupOf,
  isBridgedGroup,
  isModernGroup,
  isRoutedGroup,
  isSpareGroup,
  mainGroup,
  markedGroup,
  MODERN_SHARED_GROUP,
  modernGroup,
  routedGroup,
  routeOf,
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

test('routedGroup() names a group of its own for each set of names, which spare children belong to', () => {
  for (const group of ['session', modernGroup('x'), bridgedGroup('x'), SHARED_GROUP]) {
    const routed = routedGroup(group, 'git_*')
    const spare = spareGroup(routed, KEY)
    expect([isSpareGroup(routed), isSpareGroup(spare), isRoutedGroup(group), isRoutedGroup(routed)]).toEqual([false, true, false, true])
    expect([mainGroup(routed), mainGroup(spare), clientsGroup(spare), clientsGroup(group)]).toEqual([routed, routed, group, group])
    expect([routed, `${group}${routeOf(routed)}`, routeOf(group)]).toEqual([routed, routed, ''])
    expect(routedGroup(group, 'fs_*')).not.toBe(routed)
    expect([isSpareGroup(besideGroup(group, 'a')), isRoutedGroup(besideGroup(group, 'a'))]).toEqual([false, false])
  }
  expect(markedGroup({ generation: 1, n: 1, child: 'own', route: routeOf(routedGroup('s', 'a')).slice(2) }, 's')).toBe(
    routedGroup('s', 'a'),
  )
})

test('clientsOf() of any child is the session, or the name of the group, that it serves', () => {
  for (const own of ['session', modernGroup('session'), bridgedGroup('session')])
    for (const group of [
      own,
      spareGroup(own, KEY),
      besideGroup(own, 'agent'),
      routedGroup(own, 'set'),
      besideGroup(routedGroup(own, 'set'), 'agent'),
    ])
      expect(clientsOf(group)).toBe('session')
})
