/** `POST /api/claim`: gives a fresh relay its owner. */
import { Hono } from 'hono'
import { isClaimCode } from '../access/owner/claim-code.ts'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { clientAddress } from '../access/client-address.ts'
import { claimedRelay, relayKeys } from '../access/secrets/keys.ts'
import { countTry } from '../access/wrong-tries.ts'
import { settingsOf } from '../env.ts'
import { readBody } from './body.ts'
import { Claim } from './operations/relay.ts'
import { problemResponse, triesResponse } from '../problem.ts'

/** `POST /claim`: logs a one-time code, or takes it and hands out the owner key. */
export const claim = new Hono<RouteEnv>().post('/', async (c) => {
  if (settingsOf(c.env).ownerKey !== undefined) return problemResponse('RELAY_CLAIMED')
  const body = await readBody(c.req.raw, Claim)
  if (!body.ok) return body.error
  if ((await claimedRelay(c.env)) !== undefined) return problemResponse('RELAY_CLAIMED')
  const { code } = body.value
  if (code !== undefined && !(await isClaimCode(await relayKeys(c.env), code))) {
    const waitMs = countTry({ address: clientAddress(c.req.raw, settingsOf(c.env)), share: 'claim' })
    return waitMs === undefined ? problemResponse('CLAIM_CODE_WRONG') : triesResponse(waitMs)
  }
  const claimed = await c.env.REGISTRY.getByName('registry').claim(code)
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
