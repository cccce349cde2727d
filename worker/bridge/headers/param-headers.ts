/** Checks whether the `Mcp-Param-*` headers of a call agree with its body (MCP 2026-07-28, Streamable HTTP, custom headers). Pure. */
import type { MirroredParam } from '../../../protocol/mirrors/mirrored-params.ts'
import type { Failure } from '../../../protocol/errors.ts'
import { checkMirror, type HeaderReader } from './standard-headers.ts'

/**
 * What is wrong with a call's Mcp-Param-* headers, or undefined. Headers that the tool does not know are ignored.
 * `argumentAt` gives an argument that is a scalar; any other may be undefined.
 */
export function checkParamHeaders(
  mirrored: readonly MirroredParam[],
  argumentAt: (path: readonly string[]) => unknown,
  headers: HeaderReader,
): Failure | undefined {
  for (const { name, path } of mirrored) {
    const value = argumentAt(path)
    // Of a value that is absent or null no header is expected; one of another type is the server's to refuse.
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') continue
    const mismatch = checkMirror(`Mcp-Param-${name}`, headers, (decoded) => isMirrorOf(decoded, value))
    if (mismatch !== undefined) return mismatch
  }
  return undefined
}

/** Numbers are compared as numbers (`42.0` is `42`), but only in plain decimals, and only where a double is exact. */
function isMirrorOf(decoded: string, value: string | number | boolean): boolean {
  if (typeof value !== 'number') return decoded === String(value)
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) return false
  return /^-?\d+(?:\.\d+)?$/.test(decoded) && Number(decoded) === value
}
