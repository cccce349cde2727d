/** What bounds the links of a share bounds them at all its servers together: limits, policies, approvals, pins. */
import { describe, expect, test, vi } from 'vitest'
import { verifies } from '../../requirements/verifies.ts'
import { LOOK, OfferingAgent, PAY, POISONED } from '../harness/offering-agent.ts'
import { postModern, told } from '../harness/handshake-child.ts'
import { order } from '../harness/orders.ts'
import { createShare, linkIdOf, serverOf, type TestShare } from '../harness/relay.ts'
import { callText, Owner, ToolServer } from '../harness/scenes/held-calls.ts'
import { heldCodeOf, isHeld, newSession } from '../harness/scenes/held-scene.ts'
import {
  letThrough,
  limitedCall,
  limitedClient,
  LIMITED_CALLS,
  limitedShare,
  limitLink,
  serveCalls,
} from '../harness/scenes/limited-share.ts'
import { asked, begin, entriesWhen, resultIn, shownWhen } from '../harness/scenes/pinned-share.ts'
import { ScriptedAgent } from '../harness/scripted-agent.ts'

const NAMES = ['git', 'files'] as const

describe('a limit', () => {
  test.each(['share', 'link'] as const)(
    'of a %s lets exactly 10 of 100 calls through, on two servers and the one without a name',
    async (of) => {
      verifies('servers.limits', 'promise.12.exact')
      const share = of === 'share' ? await limitedShare({ calls: `${LIMITED_CALLS}/hour` }) : await createShare()
      if (of === 'link') await limitLink(share, { calls: `${LIMITED_CALLS}/hour` })
      const places = [share, ...NAMES.map((name) => serverOf(share, name))]
      for (const place of places) serveCalls(await ScriptedAgent.connect(place))
      const clients = await Promise.all(places.map((place) => limitedClient(place)))
      expect(await letThrough(clients)).toBe(LIMITED_CALLS)
      for (const client of clients) expect(await letThrough([client], 2)).toBe(0)
    },
  )

  test('of calls at once is freed by the answer that another server gives', async () => {
    verifies('servers.limits')
    const share = await limitedShare({ concurrent: 1 })
    const [git, files] = [serverOf(share, 'git'), serverOf(share, 'files')]
    const gitAgent = await ScriptedAgent.connect(git)
    const kept = serveCalls(gitAgent)
    serveCalls(await ScriptedAgent.connect(files))
    const [ofGit, ofFiles] = [await limitedClient(git), await limitedClient(files)]
    const waiting = ofGit.post(limitedCall(1, 'kept'))
    await vi.waitFor(() => expect(kept).toHaveLength(1))
    expect((await ofFiles.post(limitedCall(2))).status).toBe(429)
    const [call] = kept
    if (call !== undefined) gitAgent.answer(call, '1', '{"content":[]}')
    expect((await waiting).status).toBe(200)
    expect((await ofFiles.post(limitedCall(3))).status).toBe(200)
  })
})

async function offering(share: TestShare, name: string): Promise<OfferingAgent> {
  return OfferingAgent.connect(serverOf(share, name), { tools: [LOOK, PAY], prompts: [{ name: 'ask' }] })
}

describe('a policy', () => {
  test('knows tools and prompts of a server by prefixed names, and its clients by their own', async () => {
    verifies('servers.prefixed')
    const share = await createShare()
    for (const name of NAMES) await offering(share, name)
    await order('PATCH', `/api/shares/${share.id}`, {
      policy: { access: 'admin', tools: { deny: ['git__pay', 'look'] }, prompts: { allow: ['files__*'] } },
    })
    const [git, files] = [await begin(serverOf(share, 'git')), await begin(serverOf(share, 'files'))]
    expect(await asked(git, 'tools/list')).toEqual({ tools: [LOOK] })
    expect(await asked(files, 'tools/list')).toEqual({ tools: [LOOK, PAY] })
    expect(await asked(git, 'tools/call', { name: 'pay' })).toBe('NOT_OFFERED')
    expect(await asked(git, 'tools/call', { name: 'look' })).toEqual({ content: [] })
    expect(await asked(files, 'tools/call', { name: 'pay' })).toEqual({ content: [] })
    expect(await asked(git, 'prompts/list')).toEqual({ prompts: [] })
    expect(await asked(git, 'prompts/get', { name: 'ask' })).toBe('NOT_OFFERED')
    expect(await asked(files, 'prompts/get', { name: 'ask' })).toEqual({ messages: [] })
  })

  test.each(['legacy', 'modern'] as const)('means the same to clients of 2026-07-28, of a server that is %s', async (era) => {
    verifies('servers.prefixed', 'servers.own-path')
    const share = await createShare()
    const git = serverOf(share, 'git')
    await OfferingAgent.connect(git, { tools: [LOOK, PAY] }, { era })
    await order('PATCH', `/api/shares/${share.id}`, { policy: { access: 'admin', tools: { deny: ['git__pay', 'look'] } } })
    const tellOf = async (method: string, params: Record<string, unknown> = {}): Promise<unknown> =>
      resultIn((await told(postModern(git, method, params))).body)
    expect(await tellOf('tools/list')).toMatchObject({ tools: [LOOK] })
    expect(await tellOf('tools/call', { name: 'look', arguments: {} })).toMatchObject({ content: [] })
    expect(await tellOf('tools/call', { name: 'pay', arguments: {} })).toBe('NOT_OFFERED')
  })

  test('of a link bounds arguments by prefixed names', async () => {
    verifies('servers.prefixed')
    const share = await createShare()
    for (const name of NAMES) await offering(share, name)
    const { status } = await order('PATCH', `/api/shares/${share.id}/tokens/${linkIdOf(share.clientToken)}`, {
      policy: { access: 'admin', arguments: ['git__look(at=a)'] },
    })
    expect(status).toBe(200)
    const [git, files] = [await begin(serverOf(share, 'git')), await begin(serverOf(share, 'files'))]
    for (const at of ['a', 'b']) {
      expect(await asked(git, 'tools/call', { name: 'look', arguments: { at } })).toEqual(at === 'a' ? { content: [] } : 'NOT_OFFERED')
      expect(await asked(files, 'tools/call', { name: 'look', arguments: { at } })).toEqual({ content: [] })
    }
  })
})

describe('an approval', () => {
  test('names the server’s tool as policies do, and holds for that server only', async () => {
    verifies('servers.prefixed')
    const share = await createShare()
    const [git, files] = [serverOf(share, 'git'), serverOf(share, 'files')]
    const [ofGit, ofFiles] = [await ToolServer.connect(git), await ToolServer.connect(files)]
    const owner = new Owner(share)
    await order('PATCH', `/api/shares/${share.id}`, { policy: { access: 'admin', hold: ['git__*', 'files__*'] } })
    const [atGit, atFiles] = [await newSession(git), await newSession(files)]
    const first = atGit.post(callText(7))
    expect(await owner.sole()).toMatchObject({ tool: 'git__write_file' })
    await owner.decide('always')
    await ofGit.answerNext()
    expect(await heldCodeOf(first)).toBeUndefined()
    const again = atGit.post(callText(8))
    await ofGit.answerNext()
    expect(await heldCodeOf(again)).toBeUndefined()
    expect(await isHeld(owner, atFiles.post(callText(9)))).toBe(true)
    expect(ofFiles.waiting).toBe(0)
    const { told: audit } = await order('GET', `/api/shares/${share.id}/audit`)
    const decisions = (audit['events'] as { outcome: string; tool: string }[]).filter(({ outcome }) => outcome === 'always')
    expect(decisions).toMatchObject([{ tool: 'git__write_file' }])
  })
})

describe('pins', () => {
  test('are of each server: its first listing is trusted, and what has changed since is held back there', async () => {
    verifies('servers.prefixed')
    const share = await createShare({ pinning: 'on' })
    const [git, files] = [serverOf(share, 'git'), serverOf(share, 'files')]
    const gitAgent = await OfferingAgent.connect(git, { tools: [LOOK] })
    await entriesWhen(share, 'tools', 'git__look pinned')
    await OfferingAgent.connect(files, { tools: [LOOK, PAY] })
    await entriesWhen(share, 'tools', 'git__look pinned', 'files__look pinned', 'files__pay pinned')
    gitAgent.turn({ tools: [POISONED] })
    const [atGit, atFiles] = [await begin(git), await begin(files)]
    expect(await asked(atGit, 'tools/list')).toEqual({ tools: [] })
    expect(await asked(atFiles, 'tools/list')).toEqual({ tools: [LOOK, PAY] })
    await entriesWhen(share, 'tools', 'git__look changed', 'files__look pinned', 'files__pay pinned')
    const { told: diff } = await order('GET', `/api/shares/${share.id}/tools/diff`)
    const changes = diff['changes'] as { name: string; server: string; state: string; digest: string; before: string }[]
    const digest = changes.find(({ name }) => name === 'git__look')?.digest ?? ''
    expect(changes).toContainEqual(
      expect.objectContaining({ name: 'git__look', server: 'git', state: 'changed', before: expect.stringContaining('Looks.') }),
    )
    expect((await order('GET', `/api/shares/${share.id}`)).told['held_back']).toBe(1)
    expect((await order('POST', `/api/shares/${share.id}/tools/accept`, [{ name: 'look', digest }])).told).toMatchObject({
      code: 'TOOLS_CHANGED',
    })
    const { status, told: accepted } = await order('POST', `/api/shares/${share.id}/tools/accept`, [{ name: 'git__look', digest }])
    expect([status, accepted]).toEqual([200, { accepted: [{ kind: 'tools', name: 'git__look', digest }] }])
    expect(await asked(atGit, 'tools/list')).toEqual({ tools: [POISONED] })
  })

  test('of a server that was removed are forgotten with it', async () => {
    verifies('servers.removed')
    const share = await createShare({ pinning: 'on' })
    await OfferingAgent.connect(serverOf(share, 'git'), { tools: [LOOK] })
    await entriesWhen(share, 'tools', 'git__look pinned')
    await order('DELETE', `/api/shares/${share.id}/servers/git`)
    await shownWhen(share, ({ tools }) => (tools as unknown[]).length === 0)
    await OfferingAgent.connect(serverOf(share, 'git'), { tools: [POISONED] })
    await entriesWhen(share, 'tools', 'git__look pinned')
  })
})

test('whoever names tools by a server whose tools are listed without its name, too, is told where that bounds nothing', async () => {
  verifies('servers.prefix-warning')
  const share = await createShare({ pinning: 'on' })
  await OfferingAgent.connect(share, {
    tools: [LOOK, { ...PAY, name: 'files__pay' }],
    serverInfo: { name: 'mcp-edge-agent', version: '1' },
  })
  await OfferingAgent.connect(serverOf(share, 'git'), { tools: [LOOK] })
  await OfferingAgent.connect(serverOf(share, 'files'), { tools: [PAY] })
  await entriesWhen(share, 'tools', 'look pinned', 'files__pay pinned', 'git__look pinned', 'files__pay pinned')
  const path = `/api/shares/${share.id}`
  const changed = async (policy: object): Promise<unknown> => (await order('PATCH', path, { policy })).told['warning']
  for (const policy of [{ tools: { deny: ['git__*'] } }, { hold: ['git__look'] }, { arguments: ['git__look(path^=/a)'] }])
    expect(await changed(policy)).toMatch(/tools or prompts of git are listed without its name/)
  for (const policy of [{ tools: { deny: ['files__*', 'look'] } }, { tools: { allow: ['git__*'] } }])
    expect(await changed(policy)).toBeUndefined()
  const link = { kind: 'key', policy: { access: 'admin', tools: { deny: ['git__look'] } } }
  expect((await order('POST', `${path}/tokens`, link)).told['warning']).toMatch(/prefix: false/)
})
