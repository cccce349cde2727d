/** `POST /api/claim`: gives a fresh relay its owner. */
import { Hono } from 'hono'
import type { RouteEnv } from '../access/claim-gate.ts'
import { settingsOf } from '../env.ts'
import { readMembers, textMember } from './body.ts'
import { problemResponse } from '../problem.ts'

const MAX_CODE_CHARS = 128

/** `POST /claim`: logs a one-time code, or takes it and hands out the owner key. */
export const claim = new Hono<RouteEnv>().post('/', async (c) => {
  if (settingsOf(c.env).ownerKey !== undefined) return problemResponse('RELAY_CLAIMED')
  const members = await readMembers(c.req.raw, ['code'])
  if (!members.ok) return problemResponse(members.error.code, members.error.detail)
  const code = textMember(members.value, 'code', MAX_CODE_CHARS)
  if (!code.ok) return problemResponse('BODY_INVALID', code.error)
  const claimed = await c.env.REGISTRY.getByName('registry').claim(code.value)
  switch (claimed.outcome) {
    case 'code':
      // The log is the proof: only who deployed the relay can read it.
      // oxlint-disable-next-line no-console -- a line for a person to read, who may have nothing else to filter with
      console.log(`claim code: ${claimed.code}`)
      return c.json({ status: 'code_logged' }, 202, { 'cache-control': 'no-store' })
    case 'owner':
      return c.json({ owner_token: claimed.ownerKey }, 201, { 'cache-control': 'no-store' })
    case 'wrong_code':
      return problemResponse('CLAIM_CODE_WRONG')
    case 'claimed':
      return problemResponse('RELAY_CLAIMED')
  }
})
