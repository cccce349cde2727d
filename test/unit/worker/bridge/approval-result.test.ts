import { expect, test } from 'vitest'
import { ERRORS } from '../../../../protocol/error-table.ts'
import { approvalResult } from '../../../../worker/bridge/approval-result.ts'

test.each(['APPROVAL_PENDING', 'APPROVAL_DENIED'] as const)('approvalResult() is an error of the tool that says %s', (code) => {
  const result: unknown = JSON.parse(approvalResult(code, 'legacy', 'abc'))
  const text = `${ERRORS[code].message} (approval abc)`
  expect(result).toEqual({ content: [{ type: 'text', text }], isError: true, _meta: { 'mcp-edge/code': code } })
})

test('approvalResult() is a complete one in revision 2026-07-28', () => {
  expect(JSON.parse(approvalResult('APPROVAL_DENIED', 'modern', 'abc'))).toMatchObject({ resultType: 'complete', isError: true })
})
