/** Agents of other makes whose wire formats the relay speaks. */

export const FOREIGN_MAKES = ['context-forge', 'mr-pilot'] as const
export type ForeignMake = (typeof FOREIGN_MAKES)[number]

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
