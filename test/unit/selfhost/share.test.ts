import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ensureShare, nameOrigin } from '../../../selfhost/share.ts'

/** A token with this id. */
function tokenOf(id: string): string {
  return `e30.${Buffer.from(JSON.stringify({ jti: id })).toString('base64url')}.s`
}

const DAY_MS = 24 * 60 * 60_000
const MADE = {
  share: 'new',
  share_url: 'https://public.example/s/new/k/key/mcp',
  client_token: tokenOf('c1'),
  agent_token: tokenOf('a1'),
  expires_at: '2099-01-01T00:00:00.000Z',
}
const NEW = {
  share: 'new',
  sharePath: '/s/new/k/key/mcp',
  clientToken: tokenOf('c1'),
  agentToken: tokenOf('a1'),
  expiresAt: MADE.expires_at,
}

interface Asked {
  readonly line: string
  readonly authorization: string | undefined
  readonly body: string
}

/** An owner's API that answers GET and POST as it is told. */
let api: Server
let relay = ''
let asked: Asked[]
/** What the relay lists of the tokens of the kept share. */
let tokens: readonly object[]
let shown: { readonly status: number; readonly body: object }
let made: { readonly status: number; readonly body: object }

beforeEach(async () => {
  asked = []
  tokens = [{ id: 'k1' }, { id: 'c1' }, { id: 'a1' }]
  shown = { status: 200, body: { lanes: 1, pinning: 'off' } }
  made = { status: 201, body: MADE }
  api = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      asked.push({ line: `${method} ${url}`, authorization: headers.authorization, body: Buffer.concat(chunks).toString() })
      const found = url?.endsWith('/tokens') === true ? { status: shown.status, body: { tokens } } : shown
      const { status, body } = method === 'GET' ? found : made
      response.writeHead(status).end(JSON.stringify(body))
    })
  }).listen(0, '127.0.0.1')
  await once(api, 'listening')
  const address = api.address()
  relay = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
})

afterEach(() => {
  api.closeAllConnections()
  api.close()
})

function keptShare(leftMs: number): typeof NEW {
  return { ...NEW, share: 'old', sharePath: '/s/old/k/key/mcp', expiresAt: new Date(Date.now() + leftMs).toISOString() }
}

function ensured(share?: typeof NEW, lanes?: number, isPinned = false): ReturnType<typeof ensureShare> {
  const state = { ownerKey: 'owner', ...(share === undefined ? {} : { share }) }
  return ensureShare(relay, state, { name: 'n', lanes, isPinned }, AbortSignal.timeout(10_000))
}

describe('ensureShare()', () => {
  test('makes a share of one lane for a year, as the owner', async () => {
    expect(await ensured()).toEqual(NEW)
    expect(asked.map(({ line, authorization }) => [line, authorization])).toEqual([['POST /api/shares', 'Bearer owner']])
    expect(JSON.parse(asked[0]?.body ?? '')).toEqual({ name: 'n', expires_in: 365 * 24 * 60 * 60, lanes: 1, pinning: 'off' })
  })

  test('keeps the share that the relay still has', async () => {
    const kept = keptShare(2 * DAY_MS)
    expect(await ensured(kept)).toEqual(kept)
    expect(asked.map(({ line }) => line)).toEqual(['GET /api/shares/old', 'GET /api/shares/old/tokens'])
  })

  test('pins what the server offers where that is wanted, and turns it on and off of the share that is kept', async () => {
    await ensured(undefined, undefined, true)
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ pinning: 'on' })
    await ensured(keptShare(2 * DAY_MS), undefined, true)
    expect(asked.at(-1)).toMatchObject({ line: 'PATCH /api/shares/old', body: '{"pinning":"on"}' })
  })

  test.each([[[]], [[{ id: 'c1' }]], [[{ id: 'a1' }, { id: 'c2' }, {}]]])(
    'makes another when of its tokens only %j are left',
    async (left) => {
      tokens = left
      expect(await ensured(keptShare(2 * DAY_MS))).toEqual(NEW)
    },
  )

  test('makes another when the kept tokens are of no kind that it knows', async () => {
    for (const token of ['', 'x', 'a.b.c', `a.${Buffer.from('{"jti":7}').toString('base64url')}.c`])
      expect(await ensured({ ...keptShare(2 * DAY_MS), clientToken: token })).toEqual(NEW)
  })

  test('makes another when the relay has it no more', async () => {
    shown = { status: 404, body: {} }
    expect(await ensured(keptShare(2 * DAY_MS), 8)).toEqual(NEW)
    expect(JSON.parse(asked[1]?.body ?? '')).toMatchObject({ lanes: 8 })
  })

  test('makes another when less than a day of it is left, without asking', async () => {
    expect(await ensured(keptShare(DAY_MS - 60_000))).toEqual(NEW)
    expect(asked.map(({ line }) => line)).toEqual(['POST /api/shares'])
  })

  test('refuses to change the number of lanes of a share', async () => {
    await expect(ensured(keptShare(2 * DAY_MS), 8)).rejects.toThrow('the share that is kept has 1 lanes for ever')
    expect(await ensured(keptShare(2 * DAY_MS), 1)).toMatchObject({ share: 'old' })
  })

  test.each<[string, () => void, RegExp]>([
    ['shows no share', () => (shown = { status: 500, body: {} }), /refused to show the share \(HTTP 500\)/],
    [
      'makes no share',
      () => ((shown = { status: 404, body: {} }), (made = { status: 409, body: {} })),
      /refused to make a share \(HTTP 409\)/,
    ],
    [
      'leaves a member out',
      () => ((shown = { status: 404, body: {} }), (made = { status: 201, body: { ...MADE, agent_token: 7 } })),
      /without agent_token/,
    ],
  ])('fails when the relay %s', async (_, arrange, message) => {
    arrange()
    await expect(ensured(keptShare(2 * DAY_MS))).rejects.toThrow(message)
  })
})

describe('nameOrigin()', () => {
  const payload = Buffer.from(JSON.stringify({ aud: 'mcp-edge/agent', share: 'new', iss: 'http://127.0.0.1:1' })).toString('base64url')
  const share = { ...NEW, agentToken: `e30.${payload}.c2ln` }
  const named = (origin: string): ReturnType<typeof nameOrigin> => nameOrigin(share, origin, relay, 'owner', AbortSignal.timeout(10_000))

  test('keeps a token that names the origin, without asking', async () => {
    expect(await named('http://127.0.0.1:1')).toBe(share)
    expect(asked).toEqual([])
  })

  test('has one made where the relay is at another', async () => {
    made = { status: 201, body: { token: 'fresh' } }
    expect(await named('http://127.0.0.1:2')).toEqual({ ...share, agentToken: 'fresh' })
    expect(asked.map(({ line, authorization }) => [line, authorization])).toEqual([['POST /api/shares/new/tokens', 'Bearer owner']])
    expect(JSON.parse(asked[0]?.body ?? '')).toMatchObject({ kind: 'agent' })
  })

  test('fails when the relay makes none', async () => {
    made = { status: 404, body: {} }
    await expect(named('http://127.0.0.1:2')).rejects.toThrow('refused to make an agent token (HTTP 404)')
  })
})
