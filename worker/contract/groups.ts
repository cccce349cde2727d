/** Names of the groups of clients that share a child, and of the children that serve them. */
import type { StreamMark } from './streams.ts'

/** The group of the child that all sessions share. */
export const SHARED_GROUP = 'shared'

/** The groups of clients without sessions. */
const MODERN_PREFIX = 'm-'

export function isModernGroup(group: string): boolean {
  return group.startsWith(MODERN_PREFIX)
}

export function modernGroup(name: string): string {
  return `${MODERN_PREFIX}${name}`
}

/** With one child for all that needs no handshake, everybody is one group. */
export const MODERN_SHARED_GROUP = modernGroup('all')

/** The group whose child a mark speaks of. */
export function markedGroup({ child, route }: StreamMark, session: string): string {
  const group = child === 'own' ? session : child === 'shared' ? SHARED_GROUP : MODERN_SHARED_GROUP
  return route === undefined ? group : `${routedPrefix(group)}${route}`
}

const PREFIX = 'b-'
const SPARE_MARK = '~'
/** Before the name of a set of patterns; spare children have hex digits there. */
const ROUTE_MARK = `${SPARE_MARK}+`
const SPARE = /~[0-9a-f]/
const SPARE_OR_BESIDE = /~(?!\+)/
/** Hex digits of a call key that name its spare child: one child for one call. */
const SPARE_CHARS = 12

export function bridgedGroup(name: string): string {
  return `${PREFIX}${name}`
}

/** With one child for all that must be initialised, everybody without a session is one group. */
export const BRIDGED_SHARED_GROUP = bridgedGroup('all')

export function isBridgedGroup(group: string): boolean {
  return group.startsWith(PREFIX)
}

/** Groups of clients without sessions that share a child because of what they are: any number of them, which nobody ends. */
export function isTransientGroup(group: string): boolean {
  return (isModernGroup(group) || isBridgedGroup(group)) && group !== MODERN_SHARED_GROUP && group !== BRIDGED_SHARED_GROUP
}

/** The group of the child on which one call runs alone. */
export function spareGroup(group: string, key: string): string {
  return `${group}${SPARE_MARK}${key.slice(0, SPARE_CHARS)}`
}

export function isSpareGroup(group: string): boolean {
  return group.includes(SPARE_MARK) && SPARE.test(group)
}

/** Behind the mark of spare children, whose names are hex digits. */
export const BESIDE_MARK = `${SPARE_MARK}@`

/** The group of the child that serves a group's clients on an agent other than its own: calls that go to several, or are judged by its list while their own agent is lost. */
export function besideGroup(group: string, agent: string): string {
  return `${besidePrefix(group)}${nameHash(agent).toString(36)}`
}

/** With what the names of all these begin. */
export function besidePrefix(group: string): string {
  return `${group}${BESIDE_MARK}`
}

export function isBesideGroup(group: string): boolean {
  return group.includes(BESIDE_MARK)
}

/**
 * The group of the child that serves a group's clients where calls go by name (`--serves`), on an agent with another set of patterns than
 * their own agent's. A group's name without its kind may stand in its place.
 */
export function routedGroup(group: string, set: string): string {
  return `${group}${ROUTE_MARK}${nameHash(set).toString(36)}`
}

export function routedGroups(group: string, sets: readonly string[]): string[] {
  return sets.map((set) => routedGroup(group, set))
}

/** With what the names of all these begin. */
export function routedPrefix(group: string): string {
  return `${group}${ROUTE_MARK}`
}

export function isRoutedGroup(group: string): boolean {
  return group.includes(ROUTE_MARK)
}

/** What the name of a group of that kind has behind that of its clients' own; empty for any other. */
export function routeOf(group: string): string {
  const at = group.indexOf(ROUTE_MARK)
  return at === -1 ? '' : group.slice(at)
}

/** The group of a child's clients, whichever of their children it is. */
export function clientsGroup(group: string): string {
  const at = group.indexOf(SPARE_MARK)
  return at === -1 ? group : group.slice(0, at)
}

/** Whose child it is: the session, or the name of the group of clients without one. */
export function clientsOf(group: string): string {
  const own = clientsGroup(group)
  return isModernGroup(own) || isBridgedGroup(own) ? own.slice(MODERN_PREFIX.length) : own
}

/** The group that a spare child belongs to, or one beside; any other group is its own. */
export function mainGroup(group: string): string {
  const at = group.search(SPARE_OR_BESIDE)
  return at === -1 ? group : group.slice(0, at)
}

/** FNV-1a. A channel's name has not room for that of an agent; two that come to the same take the child from each other. */
function nameHash(name: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < name.length; at++) value = Math.imul(value ^ name.charCodeAt(at), 0x01000193)
  return value >>> 0
}

export function channelName(group: string, generation: number): string {
  return `${group}.${generation}`
}

export function groupOf(ch: string): string {
  return ch.slice(0, ch.lastIndexOf('.'))
}
