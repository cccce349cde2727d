import { describe, expect, test } from 'vitest'
import { splice } from '../../../../../protocol/splice.ts'
import { MAX_PARSED_VALUES } from '../../../../../worker/limits.ts'
import { type AnsweredCall, SessionAnswers } from '../../../../../worker/mcp/legacy-client/answers.ts'
import { learnModernServer, type ModernServer } from '../../../../../worker/mcp/legacy-client/known-modern-servers.ts'
import { verifies } from '../../../../requirements/verifies.ts'
import { ScriptedShare } from '../../scripted-share.ts'
import { answerHeader, CALLER, FACTS, response, rpcAnswer } from './modern-server.ts'

const CALL: AnsweredCall = { rawId: '7', method: 'tools/call', tool: 't', isContinued: false }

function server(): ModernServer {
  return learnModernServer('share', CALLER.session, FACTS)
}

/** What a client gets of an answer, but for its own names. */
async function translated(
  text: string,
  call = CALL,
  known: ModernServer | undefined = server(),
  share = new ScriptedShare(),
  restarted = false,
) {
  const answers = new SessionAnswers(share.client, CALLER, call, () => Promise.resolve(known))
  const item = await answers.translate({ kind: 'frame', header: answerHeader(text), body: new TextEncoder().encode(text), restarted })
  if (item.kind === 'response') return JSON.parse(item.text) as unknown
  return item.kind === 'frame' ? (JSON.parse(new TextDecoder().decode(splice(item.body, item.edits ?? []))) as unknown) : item
}

describe('SessionAnswers.translate()', () => {
  test('takes out of a result what the revision of the client does not know', async () => {
    expect(await translated(response('{"resultType":"complete","content":[]}'))).toMatchObject({ result: { content: [] } })
    expect(await translated(response('{"resultType":"complete","content":[]}'))).not.toHaveProperty('result.resultType')
  })

  test('marks the result of a server that was started anew', async () => {
    const result = await translated(response('{"resultType":"complete","content":[]}'), CALL, server(), new ScriptedShare(), true)
    expect(result).toHaveProperty(['result', '_meta', 'mcp-edge/restarted'], true)
  })

  test('refuses a kind of result that is not known', async () => {
    expect(await translated(response('{"resultType":"later"}'))).toMatchObject({ id: 7, error: { data: { code: 'RESULT_UNMAPPABLE' } } })
  })

  test('leaves an error as it is, but for codes that the client does not know, which it gets in its own id', async () => {
    expect(await translated('{"jsonrpc":"2.0","id":0,"error":{"code":1,"message":"m"}}')).toMatchObject({ id: 0, error: { code: 1 } })
    const unknown = await translated('{"jsonrpc":"2.0","id":0,"error":{"code":-32021,"message":"m"}}')
    expect(unknown).toMatchObject({ id: 7 })
    expect(unknown).not.toHaveProperty('error.code', -32021)
  })

  test('notes the wrapped schemas of a list in one page, and of no part of one', async () => {
    const list = '{"resultType":"complete","tools":[{"name":"t","inputSchema":{},"outputSchema":{"type":"array"}}]'
    const known = server()
    await translated(response(`${list},"nextCursor":"n"}`), { ...CALL, method: 'tools/list' }, known)
    await translated(response(`${list}}`), { ...CALL, method: 'tools/list', isContinued: true }, known)
    expect(known.wrappedTools).toBeUndefined()
    await translated(response(`${list}}`), { ...CALL, method: 'tools/list' }, known)
    expect(known.wrappedTools).toEqual(new Set(['t']))
  })

  test('refuses a list of more values than can be made of it, and takes a result of a call with as many', async () => {
    verifies('promise.10.small-heap', 'promise.10.named')
    const many = `[${'{},'.repeat(MAX_PARSED_VALUES)}{}]`
    const known = server()
    expect(await translated(response(`{"tools":${many}}`), { ...CALL, method: 'tools/list' }, known)).toMatchObject({
      id: 7,
      error: { data: { code: 'ANSWER_TOO_LARGE' } },
    })
    expect(known.wrappedTools).toBeUndefined()
    const call = { ...CALL, method: 'prompts/get' }
    expect(await translated(response(`{"resultType":"complete","messages":${many}}`), call, known)).toHaveProperty('result.messages')
  })

  test('asks the server once whether the schema of a tool was wrapped, where its content is an object', async () => {
    const known = server()
    const list = response('{"resultType":"complete","tools":[{"name":"t","inputSchema":{},"outputSchema":{"anyOf":[]}}]}')
    const share = new ScriptedShare().on('call', rpcAnswer(list))
    const content = response('{"resultType":"complete","content":[],"structuredContent":{"a":1}}')
    expect(await translated(content, CALL, known, share)).toMatchObject({ result: { structuredContent: { result: { a: 1 } } } })
    await translated(content, CALL, known, share)
    expect(share.asked.call).toHaveLength(1)
  })
})
