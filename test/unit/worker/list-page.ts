/** A page of a list as a server gives it. */
import type { ListPage } from '../../../worker/bridge/tool-pages.ts'

export function pageOf(result: Readonly<Record<string, unknown>> | undefined): ListPage | undefined {
  return result === undefined ? undefined : { result, answer: new TextEncoder().encode(JSON.stringify({ jsonrpc: '2.0', id: 0, result })) }
}
