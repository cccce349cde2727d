import { expect, test } from 'vitest'
import type { CallRequest } from '../../../../../worker/contract/share-rpc.ts'
import { type EndedCall, RunningCalls } from '../../../../../worker/share/clients/running-calls.ts'
import { MAX_CAPTURED_CALLS_OF_ONE } from '../../../../../worker/usage-limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function request(key: string): CallRequest {
  return { key, principal: 'p', method: 'tools/call', size: 1, body: new Uint8Array(), session: 's' } as unknown as CallRequest
}

test('RunningCalls captures what a link calls, however many calls of another run, and of that again once some have ended', () => {
  verifies('promise.10.audit-rings')
  const ended: EndedCall[] = []
  const calls = new RunningCalls({
    streams: { call: () => undefined, attachmentOf: () => undefined },
    record: (call) => ended.push(call),
    rootLinkOf: (principal) => principal,
    captures: () => ({ ofRequest: () => '{}', ofResponse: () => undefined }),
  })
  const begin = (whose: string, key: string): void => calls.began({ chain: [whose] }, request(key), 1)
  for (let made = 0; made < 5_000; made++) begin('anonymous', `a${made}`)
  begin('modest', 'm')
  calls.ended('m', 'ok')
  expect(ended).toMatchObject([{ whose: 'modest', arguments: '{}' }])
  for (let made = 0; made < 5_000; made++) calls.ended(`a${made}`, 'ok')
  expect(ended.filter(({ whose, arguments: args }) => whose === 'anonymous' && args !== undefined)).toHaveLength(MAX_CAPTURED_CALLS_OF_ONE)
  begin('anonymous', 'later')
  calls.ended('later', 'ok')
  expect(ended.at(-1)).toMatchObject({ arguments: '{}' })
})
