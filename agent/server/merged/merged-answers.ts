/** What of a server's messages is written otherwise for clients of several: names, URIs and ids of tasks. Every other byte stays as it was. Pure. */
import { isServerName } from '../../../protocol/server-names.ts'
import { type Replacement, replacement, splice } from '../../../protocol/splice.ts'
import type { Span } from '../../../protocol/json/json-scan.ts'
import { elementsOf, textOf, valueAt } from './message-spans.ts'
import type { MergedUris } from './merged-uris.ts'
import { splitName, withoutPrefix, withPrefix } from './prefixed-names.ts'

/** Whose messages they are. */
export interface Origin {
  readonly server: string
  /** Its names have no prefix. */
  readonly isBare: boolean
  readonly uris: MergedUris
  /** Whether another of the servers has this name. */
  readonly isOther: (server: string) => boolean
}

const RELATED_TASK = 'io.modelcontextprotocol/related-task'

/** Where a tool names the page that shows its results (MCP Apps; its older form; the Apps SDK of OpenAI). */
const PAGES = [
  ['_meta', 'ui', 'resourceUri'],
  ['_meta', 'ui/resourceUri'],
  ['_meta', 'openai/outputTemplate'],
]

/** An entry of a list; undefined of one that has no name by which it could be used. */
export function shownEntry(member: string, entry: Uint8Array, origin: Origin): Uint8Array | undefined {
  const { server, uris } = origin
  switch (member) {
    case 'tools':
    case 'prompts': {
      const span = valueAt(entry, ['name'])
      const name = textOf(entry, span)
      // Of a name that is none nobody could tell whose it is; nor of one that looks like another server's.
      if (name === undefined || (origin.isBare && origin.isOther(splitName(name)?.server ?? ''))) return undefined
      const pages = member === 'tools' ? PAGES.flatMap((path) => shownUri(entry, valueAt(entry, path), origin)) : []
      return splice(entry, [...(origin.isBare ? [] : withPrefix(entry, span, server)), ...pages])
    }
    case 'resources':
      return splice(entry, shownUri(entry, valueAt(entry, ['uri']), origin))
    case 'resourceTemplates': {
      const span = valueAt(entry, ['uriTemplate'])
      return splice(
        entry,
        changed(entry, span, (template) => uris.template(server, template)),
      )
    }
    case 'tasks':
      return splice(entry, withPrefix(entry, valueAt(entry, ['taskId']), server))
    default:
      return entry
  }
}

/** The answer to a request of this method. */
export function shownResult(method: string, bytes: Uint8Array, origin: Origin): Uint8Array {
  const result = valueAt(bytes, ['result'])
  return splice(bytes, [...ofResult(method, bytes, result, origin), ...relatedTask(bytes, result, origin)])
}

function ofResult(method: string, bytes: Uint8Array, result: Span | undefined, origin: Origin): Replacement[] {
  const task = (path: readonly string[]): Replacement[] => withPrefix(bytes, valueAt(bytes, path, result), origin.server)
  switch (method) {
    case 'tools/call':
    case 'tasks/result':
      return [...contents(bytes, elementsOf(bytes, valueAt(bytes, ['content'], result)), origin), ...task(['task', 'taskId'])]
    case 'prompts/get':
      return elementsOf(bytes, valueAt(bytes, ['messages'], result)).flatMap((message) => {
        const content = valueAt(bytes, ['content'], message)
        const blocks = elementsOf(bytes, content)
        return content === undefined ? [] : contents(bytes, blocks.length > 0 ? blocks : [content], origin)
      })
    case 'resources/read':
    case 'resources/directory/read':
      return ['contents', 'resources'].flatMap((member) =>
        elementsOf(bytes, valueAt(bytes, [member], result)).flatMap((entry) => shownUri(bytes, valueAt(bytes, ['uri'], entry), origin)),
      )
    case 'tasks/get':
    case 'tasks/cancel':
      return task(['taskId'])
    default:
      return []
  }
}

/** Links to resources, and resources themselves, in what a tool or prompt says. */
function contents(bytes: Uint8Array, blocks: readonly Span[], origin: Origin): Replacement[] {
  return blocks.flatMap((block) => {
    const type = textOf(bytes, valueAt(bytes, ['type'], block))
    if (type !== 'resource_link' && type !== 'resource') return []
    return shownUri(bytes, valueAt(bytes, type === 'resource' ? ['resource', 'uri'] : ['uri'], block), origin)
  })
}

/** A request or notification of a server, as far as its method says nothing of what is in it. */
export function inMessage(bytes: Uint8Array, origin: Origin): Replacement[] {
  return relatedTask(bytes, valueAt(bytes, ['params']), origin)
}

/** What a notification of this method names; undefined of one that speaks of another server's resource. */
export function inNotification(method: string, bytes: Uint8Array, origin: Origin): Replacement[] | undefined {
  if (method === 'notifications/tasks/status') return withPrefix(bytes, valueAt(bytes, ['params', 'taskId']), origin.server)
  if (method !== 'notifications/resources/updated') return []
  const span = valueAt(bytes, ['params', 'uri'])
  const uri = textOf(bytes, span)
  if (uri === undefined) return []
  const known = origin.uris.known(origin.server, uri)
  return known === undefined ? undefined : changed(bytes, span, () => known)
}

function relatedTask(bytes: Uint8Array, within: Span | undefined, { server }: Origin): Replacement[] {
  return within === undefined ? [] : withPrefix(bytes, valueAt(bytes, ['_meta', RELATED_TASK, 'taskId'], within), server)
}

/** The same of a client's message: to its server, a task has the id that it gave it. */
export function ownRelatedTask(bytes: Uint8Array, of: 'params' | 'result'): Replacement[] {
  const span = valueAt(bytes, [of, '_meta', RELATED_TASK, 'taskId'])
  const split = splitName(textOf(bytes, span) ?? '')
  return span === undefined || split === undefined || !isServerName(split.server) ? [] : [withoutPrefix(bytes, span, split)]
}

function shownUri(bytes: Uint8Array, span: Span | undefined, { server, uris }: Origin): Replacement[] {
  return changed(bytes, span, (uri) => uris.resource(server, uri))
}

function changed(bytes: Uint8Array, span: Span | undefined, to: (text: string) => string): Replacement[] {
  const text = textOf(bytes, span)
  if (span === undefined || text === undefined) return []
  const shown = to(text)
  return shown === text ? [] : [replacement(span, JSON.stringify(shown))]
}
