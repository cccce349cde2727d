import { expect, test } from 'vitest'
import { readShare } from '../../../../agent/owner/answers.ts'
import { OwnerApi } from '../../../../agent/owner/api-client.ts'
import { allShares, findShare, findToken } from '../../../../agent/owner/find.ts'
import { problem, type Replies, shareBody, TestApi, tokenBody } from './test-api.ts'

const NOW = new Date('2026-11-29T15:00:00Z')
const ENDED = { expires_at: '2026-11-29T14:30:00.000Z' }

async function asked<T>(replies: Replies, ask: (api: OwnerApi) => Promise<T>): Promise<T> {
  await using relay = await TestApi.start(replies)
  return await ask(new OwnerApi({ relay: relay.origin, token: 't' }, 'prog'))
}

test('allShares() reads every page', async () => {
  const replies = {
    'GET shares': { body: { shares: [shareBody('c')], next: '1.x' } },
    'GET shares?after=1.x': { body: { shares: [shareBody('b')] } },
  }
  expect(await asked(replies, allShares)).toHaveLength(2)
})

test('findShare() takes an id at its word, and asks for that share only', async () => {
  const id = 'c'.repeat(32)
  expect(await asked({ [`GET shares/${id}`]: { body: shareBody(id) } }, (api) => findShare(api, id, NOW))).toMatchObject({ id })
  const gone = asked({ [`GET shares/${id}`]: problem(404, 'SHARE_NOT_FOUND') }, (api) => findShare(api, id, NOW))
  await expect(gone).rejects.toMatchObject({ exit: 7, code: 'SHARE_NOT_FOUND' })
})

test('findShare() finds the one share of a name, and of several the one that lives', async () => {
  const shares = [shareBody('c', { name: 'old', ...ENDED }), shareBody('d', ENDED), shareBody('e'), shareBody('f', { ending: true })]
  const find = (named: string) => asked({ 'GET shares': { body: { shares } } }, (api) => findShare(api, named, NOW))
  expect((await find('docs')).id).toBe(`e${'a'.repeat(31)}`)
  expect((await find('old')).id).toBe(`c${'a'.repeat(31)}`)
  await expect(find('none')).rejects.toMatchObject({ exit: 7, message: 'There is no share none. See what there is: prog share list' })
})

test('findShare() asks for an id where a name is that of several', async () => {
  const shares = [shareBody('c'), shareBody('d')]
  await expect(asked({ 'GET shares': { body: { shares } } }, (api) => findShare(api, 'docs', NOW))).rejects.toMatchObject({
    exit: 1,
    code: 'NAME_AMBIGUOUS',
    message: `2 shares are named docs. Give an id: c${'a'.repeat(31)}, d${'a'.repeat(31)}`,
  })
})

test('findToken() finds a link by id or name', async () => {
  const share = readShare(shareBody('c'))
  const tokens = [tokenBody('1'), tokenBody('2', { name: 'Bob' })]
  const find = (named: string) => asked({ [`GET shares/${share.id}/tokens`]: { body: { tokens } } }, (api) => findToken(api, share, named))
  expect((await find('Bob')).id).toBe(`2${'0'.repeat(23)}`)
  expect((await find(`1${'0'.repeat(23)}`)).name).toBe('Ann')
  await expect(find('9'.repeat(24))).rejects.toMatchObject({ exit: 7, code: 'TOKEN_NOT_FOUND' })
})

test('a relay whose answer is of another kind is told so, and nothing is printed as something else', async () => {
  const find = asked({ 'GET shares': { body: { shares: [{ ...shareBody('c'), expires_at: 'soon' }] } } }, (api) =>
    findShare(api, 'docs', NOW),
  )
  await expect(find).rejects.toMatchObject({ exit: 4, code: 'ANSWER_UNREADABLE', message: expect.stringContaining('expires_at') as string })
})
