/** A row of the list of shares: its columns, those that came later among them, and what the relay makes of it. Pure. */
import { LOCATIONS } from '../contract/registry/locations.ts'
import { DEPLOYER, type ShareRecord } from '../contract/registry/registry-rpc.ts'

export type ShareRow = {
  readonly id: string
  readonly owner: string
  readonly name: string
  readonly createdAtMs: number
  readonly expiresAtMs: number
  readonly location: string | null
  readonly made: number
  readonly ending: number
  readonly version: number
  readonly paused: number
  readonly policy: string | null
  readonly limits: string | null
  readonly addressLimits: string | null
  readonly anonymous: string | null
  readonly anonymousLimits: string | null
  readonly capture: number
  readonly pins: string | null
  readonly upstream: string | null
  readonly rotated: number
  readonly agentsRotated: number
  readonly lifeMs: number
  readonly sliding: number
  readonly servers: string
}

/** A share as the registry keeps it. */
export interface KeptShare extends ShareRecord {
  /** States of the share at its last rotation, and at the last one that agents had to follow; 0 where there was none. */
  readonly rotated: number
  readonly agentsRotated: number
  /** How far away its end was when its owner set it. */
  readonly lifeMs: number
}

export const SHARE_COLUMNS =
  'id, owner, name, created_at_ms AS createdAtMs, expires_at_ms AS expiresAtMs, location, made, ending, version, paused, policy, limits, address_limits AS addressLimits, anonymous, anonymous_limits AS anonymousLimits, capture, pins, upstream, rotated, agents_rotated AS agentsRotated, life_ms AS lifeMs, sliding, servers'
/** What is accepted of their servers is long, and no page shows it. */
export const LISTED_COLUMNS = SHARE_COLUMNS.replace('pins', "iif(pins IS NULL, NULL, '{}') AS pins")

/** Columns that the table did not have at first, and what they are for a share of that time. */
export const LATER_COLUMNS = {
  version: 'INTEGER NOT NULL DEFAULT 1',
  paused: 'INTEGER NOT NULL DEFAULT 0',
  policy: 'TEXT',
  limits: 'TEXT',
  address_limits: 'TEXT',
  anonymous: 'TEXT',
  anonymous_limits: 'TEXT',
  capture: 'INTEGER NOT NULL DEFAULT 0',
  // A share of that time pins nothing until its owner says so.
  pins: 'TEXT',
  // Of a share that points at a server without an agent.
  upstream: 'TEXT',
  rotated: 'INTEGER NOT NULL DEFAULT 0',
  agents_rotated: 'INTEGER NOT NULL DEFAULT 0',
  // 0: as long as from its making to its end.
  life_ms: 'INTEGER NOT NULL DEFAULT 0',
  sliding: 'INTEGER NOT NULL DEFAULT 0',
  // Names, which hold no comma, with one between them.
  servers: "TEXT NOT NULL DEFAULT ''",
  owner: `TEXT NOT NULL DEFAULT '${DEPLOYER}'`,
} as const

export function recordOf({
  made,
  ending,
  version,
  paused,
  policy,
  limits,
  addressLimits,
  anonymous,
  anonymousLimits,
  capture,
  pins,
  upstream,
  location,
  sliding,
  servers,
  ...settings
}: ShareRow): KeptShare {
  const { expiresAtMs } = settings
  const lifeMs = settings.lifeMs === 0 ? expiresAtMs - settings.createdAtMs : settings.lifeMs
  const decided = {
    ...(sliding === 0 ? {} : { slidingMs: lifeMs }),
    ...(policy === null ? {} : { policy }),
    ...(limits === null ? {} : { limits }),
    ...(addressLimits === null ? {} : { addressLimits }),
    // Empty where it was taken back.
    ...(anonymous === null || anonymous === '' ? {} : { anonymous }),
    ...(anonymousLimits === null ? {} : { anonymousLimits }),
    ...(capture === 1 ? { isCaptured: true } : {}),
    ...(pins === null ? {} : { pins }),
    ...(upstream === null ? {} : { upstream }),
  }
  return {
    ...settings,
    lifeMs,
    location: LOCATIONS.find((known) => known === location),
    isMade: made === 1,
    isEnding: ending === 1,
    servers: servers === '' ? [] : servers.split(','),
    trust: { version, expiresAtMs, isPaused: paused === 1, ...decided },
  }
}
