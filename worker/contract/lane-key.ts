/** How the objects of one share are told from each other. Types only. */

/** The number of a lane, from 0, or the name of a server that has an object of its own. */
export type LaneKey = number | string

/** Whose objects are meant, and which there are beside its lanes. */
export interface LanesOfShare {
  readonly id: string
  /** Names of its servers. */
  readonly servers: readonly string[]
}
