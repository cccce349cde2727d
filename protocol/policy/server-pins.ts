/** Pins of all servers of a share in one text: those of the server without a name as they would be alone, the others' below `servers`, by name. Pure. */
import { isObject, type JsonObject } from '../json/json-object.ts'
import { MAX_PINS, MAX_PINS_BYTES, NOTHING_PINNED, PIN_KINDS, type PinKind, type Pins } from './pins.ts'

const encoder = new TextEncoder()

/** The part of one server, as JSON text. `server`: absent of the one that has no name. */
export function pinsOf(text: string, server: string | undefined): string {
  const all = parse(text)
  // Of a later relay, perhaps: for each server it reads as nothing that is accepted.
  if (all === undefined) return text
  const { servers, ...own } = all
  if (server === undefined) return servers === undefined ? text : JSON.stringify(own)
  if (servers === undefined) return NOTHING_PINNED
  if (!isObject(servers)) return 'null'
  return Object.hasOwn(servers, server) ? JSON.stringify(servers[server]) : NOTHING_PINNED
}

/** All, with other pins of one server. Undefined when that would be more than MAX_PINS of it, or than MAX_PINS_BYTES together. */
export function withServerPins(text: string, server: string | undefined, pins: Pins): string | undefined {
  if (countOf(pins) > MAX_PINS) return undefined
  const all = placed(text, server, pins)
  return bytesOf(all) > MAX_PINS_BYTES ? undefined : all
}

/** All, with what is pinned when a server is listed for the first time, as much of it as there is room for. The rest of it is held back. */
export function withFirstPins(text: string, server: string | undefined, first: Pins): string {
  const none = Object.fromEntries(PIN_KINDS.flatMap((kind) => (first[kind] === undefined ? [] : [[kind, []]])))
  const texts = withServerPins(text, server, { ...first, ...none }) === undefined ? { texts: {} } : {}
  // That it has been listed is always kept, or all of it would pass.
  let bytes = MAX_PINS_BYTES - bytesOf(placed(text, server, { ...first, ...none, ...texts }))
  let room = MAX_PINS
  const pins: { [Kind in PinKind]?: readonly string[] } = {}
  for (const kind of PIN_KINDS) {
    const digests = first[kind]?.slice(0, room).filter((digest) => (bytes -= bytesOf(JSON.stringify(digest)) + 1) >= 0)
    if (digests === undefined) continue
    room -= digests.length
    pins[kind] = digests
  }
  return placed(text, server, { ...first, ...pins, ...texts })
}

/** All, without those of a server that is none any more. */
export function withoutServerPins(text: string, server: string): string {
  const { servers, ...own } = parse(text) ?? {}
  if (!isObject(servers) || !Object.hasOwn(servers, server)) return text
  const { [server]: _, ...others } = servers
  return JSON.stringify(Object.keys(others).length === 0 ? own : { ...own, servers: others })
}

function placed(text: string, server: string | undefined, pins: Pins): string {
  const { servers, ...own } = parse(text) ?? {}
  const others = isObject(servers) ? servers : {}
  const named = server === undefined ? others : { ...others, [server]: pins }
  return JSON.stringify({ ...(server === undefined ? pins : own), ...(Object.keys(named).length === 0 ? {} : { servers: named }) })
}

function countOf(pins: Pins): number {
  return PIN_KINDS.reduce((count, kind) => count + (pins[kind]?.length ?? 0), 0)
}

function bytesOf(text: string): number {
  return encoder.encode(text).length
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
