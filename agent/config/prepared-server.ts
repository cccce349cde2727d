/** What a server of a configuration file comes to. Types only. */
import type { Prepared } from './options.ts'

/** A server of a configuration file at one share. */
export interface PreparedServer extends Prepared {
  /** As the file names it; of what is of several the name of a share's own server. */
  readonly name: string
  /** For the log: the name, and where the server has several shares the relay. */
  readonly server: string
  /** The same for the same link, whatever else changes. */
  readonly key: string
  /** Of the one that is made of others: these. */
  readonly parts?: readonly MergedEntry[]
}

/** A server that has part in one made of several. */
export interface MergedEntry {
  /** By which its names are prefixed. */
  readonly name: string
  /** Its names are as they are. */
  readonly isBare: boolean
  readonly prepared: PreparedServer
}
