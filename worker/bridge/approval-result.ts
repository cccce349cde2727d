/** Writes what a client gets in place of a tool's result while its owner has not allowed the call. Pure. */
import { failureText } from '../../protocol/errors.ts'
import { objectText } from './object-text.ts'

/** Key of a result's `_meta` (MCP, basic, `_meta`): the code of why the tool was not called, for programs. */
const CODE_KEY = 'mcp-edge/code'

/**
 * A CallToolResult with `isError`, as JSON text: what a model reads it can act upon, where clients show it no JSON-RPC errors. `id`: of the
 * approval, by which the client can speak of it to the owner.
 */
export function approvalResult(code: 'APPROVAL_PENDING' | 'APPROVAL_DENIED', era: 'legacy' | 'modern', id: string): string {
  const text = failureText({ code, detail: `approval ${id}` })
  return objectText({
    resultType: era === 'modern' ? '"complete"' : undefined,
    content: JSON.stringify([{ type: 'text', text }]),
    isError: 'true',
    _meta: JSON.stringify({ [CODE_KEY]: code }),
  })
}
