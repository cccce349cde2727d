/** Names of the groups whose child speaks the handshake era while their clients do not, and of children for one call alone. */

const PREFIX = 'b-'
const SPARE_MARK = '~'
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

/** The group of the child on which one call runs alone. */
export function spareGroup(group: string, key: string): string {
  return `${group}${SPARE_MARK}${key.slice(0, SPARE_CHARS)}`
}

export function isSpareGroup(group: string): boolean {
  return group.includes(SPARE_MARK)
}

/** The group that a spare child belongs to; any other group is its own. */
export function mainGroup(group: string): string {
  return isSpareGroup(group) ? group.slice(0, group.indexOf(SPARE_MARK)) : group
}
