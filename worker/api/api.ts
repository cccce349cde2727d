/** The routes of the owner's API, under `/api`. */
import { Hono } from 'hono'
import type { RouteEnv } from '../access/owner/claim-gate.ts'
import { log } from '../log.ts'
import { approvals } from './approvals.ts'
import { audit } from './audit.ts'
import { catalog, serverJson } from './servers/catalog.ts'
import { claim } from './claim.ts'
import { links } from './links.ts'
import { openapi } from './openapi.ts'
import { people } from './people.ts'
import { owners } from './owners.ts'
import { problemResponse } from '../problem.ts'
import { sessions } from './sessions.ts'
import { shares } from './shares.ts'
import { tools } from './servers/tools.ts'

export const api = new Hono<RouteEnv>()
  .route('/claim', claim)
  .route('/openapi.json', openapi)
  .route('/owners', owners)
  .route('/shares/:share/tokens', links)
  .route('/shares/:share/people', people)
  .route('/shares/:share/sessions', sessions)
  .route('/shares/:share/audit', audit)
  .route('/shares/:share/approvals', approvals)
  .route('/shares/:share/tools', tools)
  .route('/shares/:share/server.json', serverJson)
  .route('/shares', shares)
  .route('/catalog', catalog)
  .all('/claim', () => problemResponse('METHOD_NOT_ALLOWED', undefined, { allow: 'POST' }))
  .all('/*', () => problemResponse('ROUTE_NOT_FOUND'))
  .onError((error) => {
    log('api.failed', { error: String(error) })
    return problemResponse('INTERNAL')
  })
