/** What clients declare that they can be asked, which request needs which capability, and the text that names a set of them. Pure. */
import { hasMember, objectIn, presentMembers, TASKS_EXTENSION } from './names.ts'
import { canonicalValue } from '../../protocol/policy/canonical-json.ts'
import { isObject, type JsonObject } from '../../protocol/json/json-object.ts'

/** The capabilities that decide what a server may ask its client. */
export type Capability = 'elicitation' | 'elicitation.url' | 'roots' | 'sampling' | 'sampling.context' | 'sampling.tools'

export type CapabilitySet = ReadonlySet<Capability>

/** How each is declared in a ClientCapabilities object, in the order in which a set is spelled. */
const DECLARED = {
  // An empty object means forms only (2025-11-25, client/elicitation); `url` alone means no forms.
  elicitation: (all) => isForm(objectIn(all, 'elicitation')),
  'elicitation.url': (all) => objectIn(objectIn(all, 'elicitation'), 'url') !== undefined,
  roots: (all) => objectIn(all, 'roots') !== undefined,
  sampling: (all) => objectIn(all, 'sampling') !== undefined,
  'sampling.context': (all) => objectIn(objectIn(all, 'sampling'), 'context') !== undefined,
  'sampling.tools': (all) => objectIn(objectIn(all, 'sampling'), 'tools') !== undefined,
} as const satisfies Record<Capability, (all: JsonObject) => boolean>

/** Everything that a client can be asked. */
export const ALL_CAPABILITIES: readonly Capability[] = Object.keys(DECLARED).filter((name): name is Capability =>
  Object.hasOwn(DECLARED, name),
)

function isForm(elicitation: JsonObject | undefined): boolean {
  return elicitation !== undefined && (hasMember(elicitation, 'form') || !hasMember(elicitation, 'url'))
}

export function readCapabilities(declared: JsonObject): CapabilitySet {
  return new Set(ALL_CAPABILITIES.filter((name) => DECLARED[name](declared)))
}

/** A text that is the same for the same set, whatever the order in which it was declared. Children are told apart by it. */
export function fingerprint(set: CapabilitySet): string {
  return set.size === 0 ? 'none' : ALL_CAPABILITIES.filter((name) => set.has(name)).join('+')
}

/** The ClientCapabilities object that declares a set, and nothing else. */
export function declare(set: CapabilitySet): Record<string, Record<string, object>> {
  const declared: Record<string, Record<string, object>> = {}
  for (const name of ALL_CAPABILITIES) {
    if (!set.has(name)) continue
    const [key = name, part] = name.split('.')
    const entry = (declared[key] ??= {})
    if (part !== undefined) entry[part] = {}
    // Beside `url`, forms must be named; alone, the empty object names them in every revision.
    else if (name === 'elicitation' && set.has('elicitation.url')) entry['form'] = {}
  }
  return declared
}

/** What a client says of itself, as far as servers fit what they offer to it. */
export interface DeclaredClient {
  readonly capabilities: readonly Capability[]
  /** All that it declares, as JSON text, where that is more than those: extensions, experiments, what nobody knows yet. The same text for the same. */
  readonly declared?: string
  /** Its name, as JSON text. */
  readonly clientInfo?: string
}

/** Reads a ClientCapabilities object, as a server of the other era may see it; and an Implementation object. */
export function declaredClient(declared: JsonObject, clientInfo?: JsonObject): DeclaredClient {
  const set = readCapabilities(declared)
  const whole = canonicalValue(bridgedClientCapabilities(declared))
  return {
    capabilities: [...set],
    ...(whole === canonicalValue(declare(set)) ? {} : { declared: whole }),
    ...(clientInfo === undefined ? {} : { clientInfo: canonicalValue(clientInfo) }),
  }
}

/** A text that is the same for clients that declare the same. Lists are kept by it. */
export function declarationName({ capabilities, declared }: Pick<DeclaredClient, 'capabilities' | 'declared'>): string {
  const name = fingerprint(new Set(capabilities))
  return declared === undefined ? name : `${name} ${declared}`
}

/** Whether a client declares extensions that the bridge carries: those may have results and requests of their own, which its server knows as well. */
export function declaresExtensions(declared: JsonObject): boolean {
  return Object.keys(objectIn(declared, 'extensions') ?? {}).some((name) => name !== TASKS_EXTENSION)
}

/** Requests of servers that the protocol has, and no client of the other era is asked. */
const UNBRIDGED_ASKS = /^(?:ping$|tasks\/)/

/** What a client must have declared to be asked this; undefined for what no client can be asked. `isExtended`: it declares extensions, whose requests nobody else knows. */
export function neededFor(method: string, params: JsonObject, isExtended = false): readonly Capability[] | undefined {
  switch (method) {
    case 'elicitation/create':
      return [params['mode'] === 'url' ? 'elicitation.url' : 'elicitation']
    case 'sampling/createMessage':
      return hasMember(params, 'tools') || hasMember(params, 'toolChoice') ? ['sampling', 'sampling.tools'] : ['sampling']
    case 'roots/list':
      return ['roots']
    default:
      return isExtended && !UNBRIDGED_ASKS.test(method) ? [] : undefined
  }
}

export function lacking(set: CapabilitySet, needed: readonly Capability[]): Capability[] {
  return needed.filter((name) => !set.has(name))
}

/**
 * Capabilities of a client as a server of the other era may see them: without tasks, which differ between the eras, and
 * without `roots.listChanged`, which cannot be carried over. Extensions and experiments stay.
 */
export function bridgedClientCapabilities(declared: JsonObject): Record<string, unknown> {
  const bridged: Record<string, unknown> = { ...withoutTasks(declared) }
  for (const key of ['elicitation', 'sampling']) if (isObject(bridged[key])) bridged[key] = presentMembers(bridged[key])
  if (isObject(bridged['roots'])) bridged['roots'] = {}
  return bridged
}

/** The same of a client that cannot be asked during a call, so that the server need not find that out by asking. What it can show stays. */
export function unaskedClientCapabilities(declared: JsonObject): Record<string, unknown> {
  const { elicitation: _, roots: __, sampling: ___, ...rest } = bridgedClientCapabilities(declared)
  return rest
}

/** Capabilities of a server as a client of the other era may see them: without tasks. */
export function bridgedServerCapabilities(declared: JsonObject): Record<string, unknown> {
  return withoutTasks(declared)
}

/** Capabilities of either side without tasks, of the core (2025-11-25) or of the extension (SEP-2663). */
function withoutTasks(declared: JsonObject): Record<string, unknown> {
  const { tasks: _, extensions, ...rest } = presentMembers(declared)
  if (!isObject(extensions)) return rest
  if (!Object.hasOwn(extensions, TASKS_EXTENSION)) return { ...rest, extensions }
  const { [TASKS_EXTENSION]: __, ...others } = extensions
  return Object.keys(others).length === 0 ? rest : { ...rest, extensions: others }
}
