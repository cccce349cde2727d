import { describe, expect, test } from 'vitest'
import { CUT_CLOSE } from '../../../../../worker/contract/trust/pass.ts'
import { InputWait } from '../../../../../worker/mcp/legacy-client/ask-wait.ts'
import { resetError, ScriptedShare } from '../../scripted-share.ts'
import { CALLER, KEY } from './modern-server.ts'

const QUESTIONS = { key: KEY, call: '7', count: 2 }

function given(action: string): string {
  return `{"jsonrpc":"2.0","id":"q","result":{"action":"${action}"}}`
}

describe('InputWait', () => {
  test('is open before the first question, whose id names the round', async () => {
    const share = new ScriptedShare().on('open', resetError())
    const wait = await InputWait.open(share.client, CALLER, QUESTIONS)
    expect(share.socket.isAccepted).toBe(true)
    expect(share.opened.at(-1)).toEqual({ kind: 'asking', ...CALLER, key: KEY, call: '7' })
    expect(wait.rawId(1)).toBe(`"mcp-edge.${KEY}.1"`)
  })

  test('has an outcome once all questions are answered, in whatever order', async () => {
    const share = new ScriptedShare()
    const outcome = (await InputWait.open(share.client, CALLER, QUESTIONS)).gather(60_000)
    share.socket.tell({ type: 'told', index: 1, body: given('accept') })
    share.socket.tell({ type: 'told', index: 2, body: given('stray') })
    share.socket.tell({ type: 'told', index: 0, body: given('decline') })
    expect(await outcome).toEqual({
      kind: 'answers',
      answers: new Map([
        [1, '{"action":"accept"}'],
        [0, '{"action":"decline"}'],
      ]),
    })
  })

  test('is cut off when its client is let in no more', async () => {
    const share = new ScriptedShare()
    const outcome = (await InputWait.open(share.client, CALLER, QUESTIONS)).gather(60_000)
    share.socket.end(CUT_CLOSE.SHARE_EXPIRED)
    expect(await outcome).toEqual({ kind: 'cut', failure: { code: 'SHARE_EXPIRED', executed: 'unknown' } })
  })

  test('is undefined when the answers take longer', async () => {
    const share = new ScriptedShare()
    expect(await (await InputWait.open(share.client, CALLER, QUESTIONS)).gather(0)).toBeUndefined()
  })

  test('is over where the session is not there, and once it is closed', async () => {
    const none = await InputWait.open(new ScriptedShare().on('open', null).client, CALLER, QUESTIONS)
    expect(await none.gather(60_000)).toEqual({ kind: 'over' })
    const wait = await InputWait.open(new ScriptedShare().client, CALLER, QUESTIONS)
    wait.close()
    expect(await wait.gather(60_000)).toEqual({ kind: 'over' })
  })
})
