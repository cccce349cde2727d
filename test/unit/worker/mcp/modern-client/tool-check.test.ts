import { describe, expect, test } from 'vitest'
import { knownTools } from '../../../../../worker/mcp/modern-client/known-tools.ts'
import { ToolCheck } from '../../../../../worker/mcp/modern-client/tool-check.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { modernCall } from './modern-request.ts'

/** A check of a call whose list is answered in this way. `policies` bound its client. */
function checkOf(id: string, outcome: unknown, policies: readonly string[] = ['{"access":"read"}']): ToolCheck {
  const share = new ScriptedShare({}, id).on('call', outcome)
  share.client.learn({ state: '1', policies })
  return new ToolCheck(modernCall(share), () => undefined)
}

const AWAY = { kind: 'failed', failure: { code: 'SERVER_UNREACHABLE', executed: 'unknown' } }
const REFUSED = { kind: 'failed', failure: { code: 'SERVER_HTTP_ERROR', executed: 'unknown' } }

describe.each([
  ['by', (check: ToolCheck) => check.by('v1')],
  ['refusalIn', (check: ToolCheck) => check.refusalIn('v1')],
])('ToolCheck.%s()', (method, ask) => {
  test('is the failure of a list without which nobody can judge, and remembers nothing of that', async () => {
    verifies('promise.7.list-failure')
    const check = checkOf(`away ${method}`, AWAY)
    expect(await ask(check)).toEqual({ code: 'SERVER_UNREACHABLE', executed: 'no' })
    expect(await ask(checkOf(`refused ${method}`, REFUSED))).toEqual({ code: 'SERVER_HTTP_ERROR', executed: 'no' })
    expect(knownTools(`${check.audience} tools/list`)).toBeUndefined()
  })

  test('is `changed` where the child is another by now', async () => {
    verifies('promise.7.list-failure')
    expect(await ask(checkOf(`changed ${method}`, { kind: 'stale', toolsVersion: 'v2' }))).toBe('changed')
  })
})

test('ToolCheck.by() lets a call through of which only headers are checked, where its server refuses the list by a status', async () => {
  verifies('promise.7.list-failure')
  expect(await checkOf('open', REFUSED, []).by('v1')).toEqual({ toolsVersion: 'v1', hold: undefined })
  expect(await checkOf('open away', AWAY, []).by('v1')).toEqual({ code: 'SERVER_UNREACHABLE', executed: 'no' })
})
