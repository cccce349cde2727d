/** Agents of other makes whose wire formats the relay speaks. */

const FOREIGN_MAKES = ['context-forge', 'mr-pilot', 'egdesk', 'cpp-mcp'] as const
export type ForeignMake = (typeof FOREIGN_MAKES)[number]

/** What is known of such an agent when it connects. */
export interface ForeignOpening {
  readonly make: ForeignMake
  /** Of EGDesk: what its user calls it, where its server takes JSON-RPC, and the URL that it is told. */
  readonly name?: string
  readonly path?: string
  readonly publicUrl?: string
}

/** An opening in the query of an upgrade. */
export function foreignQuery({ make, name = '', path = '', publicUrl = '' }: ForeignOpening): Readonly<Record<string, string>> {
  return { make, name, path, publicUrl }
}

/** The opening in a query; undefined for an agent of ours. */
export function readForeign(query: URLSearchParams): ForeignOpening | undefined {
  const make = FOREIGN_MAKES.find((known) => known === query.get('make'))
  const text = (name: string): string => query.get(name) ?? ''
  return make === undefined ? undefined : { make, name: text('name'), path: text('path'), publicUrl: text('publicUrl') }
}

/** What a share tells of the connection of such an agent. */
export interface ForeignAgentFacts {
  /** `<share>.<id of this connection>`. */
  readonly session: string
  /** The link of the share that its token belongs to. */
  readonly token: string
  /** When its server last said anything, in milliseconds since 1970; 0 while it has not. */
  readonly heardAtMs: number
  /** Messages to and from its server, and their bytes. */
  readonly messages: number
  readonly bytes: number
}

/** Ends the connection of such an agent; `link` is its `session`. */
export interface EndLinkOrder {
  readonly op: 'end_link'
  readonly link: string
}
