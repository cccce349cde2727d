/** Tells whoever makes a policy where it does other than it seems to, by what the share's servers have listed: a link without tools, or patterns that bound nothing at one of two addresses. */
import type { Context } from 'hono'
import { askLanes, type LaneFacts } from '../carry/lane-orders.ts'
import type { ShareRecord } from '../contract/registry/registry-rpc.ts'
import { type Policy, readPolicy } from '../../protocol/policy/policy.ts'
import { prefixedName } from '../../protocol/server-names.ts'
import type { OwnerEnv } from './owner-gate.ts'
import { isOfMerged } from './servers/tools.ts'
import { hasExpired, policyOf } from './share-answers.ts'

const NO_TOOLS =
  'The server says of none of its tools that it only reads (readOnlyHint), so this link may use none. Give it access "admin" and name the tools that it may use.'

/** A sentence about the policy of a link, or of the share; nothing is said of servers that were never listed. */
export async function policyWarning(
  c: Context<OwnerEnv>,
  share: ShareRecord,
  policy: string | undefined,
  isOfLink: boolean,
): Promise<string | undefined> {
  const read = policy === undefined ? undefined : readPolicy(policyOf(policy))
  if (read?.ok !== true || !share.isMade || hasExpired(share)) return undefined
  const mayOnlyRead = isOfLink && read.value.access === 'read'
  const patterns = share.servers.length === 0 ? [] : forbidding(read.value)
  if (!mayOnlyRead && patterns.length === 0) return undefined
  const lanes = await askLanes(c.env, share, { op: 'server' }, { lanes: [0, ...share.servers] })
  const sentences = [...(mayOnlyRead && marksNone(lanes) ? [NO_TOOLS] : []), ...unprefixed(lanes, patterns)]
  return sentences.length === 0 ? undefined : sentences.join(' ')
}

/** Whether tools are listed, and none of them only reads. */
function marksNone(lanes: readonly LaneFacts[]): boolean {
  const offered = lanes.flatMap(({ facts }) => facts?.server?.entries ?? []).filter(({ kind, isOffered }) => kind === 'tools' && isOffered)
  return offered.length > 0 && !offered.some(({ isReadOnly }) => isReadOnly)
}

/** Patterns of tools and prompts by which something is refused: those of what is allowed refuse all else. */
function forbidding({ tools, prompts, hold, arguments: rules }: Policy): string[] {
  return [...(tools?.deny ?? []), ...(prompts?.deny ?? []), ...hold, ...rules.map(({ tool }) => tool)]
}

/** Of servers whose names stand in these patterns, and whose tools or prompts the one that is made of all lists without: there the patterns do not mean them. */
function unprefixed(lanes: readonly LaneFacts[], patterns: readonly string[]): string[] {
  const namesOf = ({ facts }: LaneFacts): string[] =>
    (facts?.server?.entries ?? []).flatMap(({ kind, name, isOffered }) =>
      isOffered && (kind === 'tools' || kind === 'prompts') ? [`${kind} ${name}`] : [],
    )
  const merged = lanes.filter(({ server, facts }) => server === undefined && facts?.server?.entries.some(isOfMerged) === true)
  const atRoot = new Set(merged.flatMap(namesOf))
  return lanes.flatMap((lane) => {
    const { server } = lane
    const isNamed = server !== undefined && patterns.some((pattern) => pattern.startsWith(prefixedName(server, '')))
    if (!isNamed || !namesOf(lane).some((name) => atRoot.has(name))) return []
    return [
      `At the share's own address tools or prompts of ${server} are listed without its name (prefix: false), where patterns with ${server}__ do not bound them: name them both ways.`,
    ]
  })
}
