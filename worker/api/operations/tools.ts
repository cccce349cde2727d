/** The calls about what a share's server offers, and what of it its owner accepts: what they take, and what they answer. */
import * as v from 'valibot'
import { ENTRY_KINDS, listingProblem } from './members.ts'
import { type Operation, time } from './operation.ts'
import { PINNINGS } from './shares.ts'

const WANTED = 'Send a list of {"name", "digest"} as they were shown, or {"all": true}'

export const Acceptance = v.union(
  [v.pipe(v.array(v.strictObject({ name: v.string(), digest: v.string() })), v.nonEmpty()), v.strictObject({ all: v.literal(true) })],
  WANTED,
)

const entry = {
  name: v.string(),
  state: v.picklist(['pinned', 'changed', 'new', 'gone', 'unpinned']),
  digest: v.nullable(v.string()),
  read_only: v.exactOptional(v.boolean()),
  server: v.exactOptional(v.string()),
  merged: v.pipe(
    v.exactOptional(v.literal(true)),
    v.description('It is of the one server that the agent makes of those with names, which list it as their own too.'),
  ),
}
const Entry = v.object(entry)
/** An entry of a server as its owner sees it. */
export type Entry = v.InferOutput<typeof Entry>

const pinning = {
  pinning: v.picklist(PINNINGS),
  listed_at: v.nullable(time),
  unpinned: v.exactOptional(v.array(v.picklist(ENTRY_KINDS))),
  listing_problem: v.exactOptional(listingProblem),
}
const ServerTools = v.object({
  ...pinning,
  tools: v.array(Entry),
  prompts: v.array(Entry),
  resources: v.array(Entry),
  resource_templates: v.array(Entry),
  ui: v.array(Entry),
  instructions: v.array(Entry),
  server_info: v.array(Entry),
})
const change = v.object({ ...entry, kind: v.picklist(ENTRY_KINDS), before: v.nullable(v.string()), after: v.string() })
const ToolsDiff = v.object({ ...pinning, changes: v.array(change) })
const Accepted = v.object({ accepted: v.array(v.object({ kind: v.picklist(ENTRY_KINDS), name: v.string(), digest: v.string() })) })

export const TOOLS_SCHEMAS = { Acceptance, Entry, ServerTools, ToolsDiff, Accepted }

export const TOOLS_OPERATIONS = {
  listTools: {
    method: 'GET',
    path: '/api/shares/{share}/tools',
    summary: 'Lists what the servers offer, each entry with its state.',
    who: 'owner',
    answers: { 200: { description: 'All of it, as it was listed last.', body: ServerTools } },
    errors: ['LANES_UNREACHED'],
  },
  compareTools: {
    method: 'GET',
    path: '/api/shares/{share}/tools/diff',
    summary: 'Shows what is held back, as it was accepted and as it is now.',
    who: 'owner',
    answers: { 200: { description: 'The entries that are held back, with their texts.', body: ToolsDiff } },
    errors: ['LANES_UNREACHED'],
  },
  acceptTools: {
    method: 'POST',
    path: '/api/shares/{share}/tools/accept',
    summary: 'Accepts what is held back: what is named, or all of it.',
    who: 'owner',
    body: Acceptance,
    answers: { 200: { description: 'What was accepted.', body: Accepted } },
    errors: ['PINNING_OFF', 'TOOLS_CHANGED', 'PINS_FULL', 'LANES_UNREACHED'],
  },
} as const satisfies Record<string, Operation>
