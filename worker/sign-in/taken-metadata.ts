/** What is taken of the metadata that a client registers (RFC 7591 §2): the library refuses a whole registration for what it does not offer. Pure. */

/** Clients name flows that other servers have: VS Code the one for devices. */
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
}

/** The metadata as JSON text, with what is offered of the lists, and without what is empty. What is no JSON object is left to the library to refuse. */
export function takenMetadata(text: string): string {
  const metadata = parse(text)
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return text
  const kept = Object.entries(metadata as Record<string, unknown>).filter(([, value]) => value !== null && value !== '')
  return JSON.stringify(Object.fromEntries(kept.map(([name, value]) => [name, offeredOf(name, value)])))
}

/** What is offered of a list; the whole list when that is nothing. */
function offeredOf(name: string, value: unknown): unknown {
  const offered = OFFERED[name]
  if (offered === undefined || !Array.isArray(value)) return value
  const taken = value.filter((item) => offered.includes(item as string))
  return taken.length === 0 ? value : taken
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
