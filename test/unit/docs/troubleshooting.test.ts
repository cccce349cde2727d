/** Every error that the API, the agents' door and the modern route can give stands in docs/troubleshooting.md. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { problem } from '../../../worker/problem.ts'
import { PROBLEMS } from '../../../worker/bridge/modern-errors.ts'

const page = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8')
const headings = page.split('\n').flatMap((line) => (line.startsWith('## ') ? [line.slice(3)] : []))

const API_CODES = [
  'BODY_INVALID',
  'OWNER_KEY_NEEDED',
  'CLAIM_CODE_WRONG',
  'ROUTE_NOT_FOUND',
  'LANE_UNKNOWN',
  'RELAY_CLAIMED',
  'SHARE_LIMIT_REACHED',
  'JURISDICTION_UNAVAILABLE',
  'REQUEST_TOO_LARGE',
  'UPGRADE_NEEDED',
  'LINK_VERSION_REFUSED',
  'LANES_UNREACHED',
  'RELAY_MISCONFIGURED',
] as const

test.each(API_CODES)('%s of the API has its title and its advice as a heading', async (code) => {
  const { title, detail }: { title: string; detail: string } = await problem(code).json()
  expect(headings).toContain(`${title} ${detail}`)
})

test.each(Object.values(PROBLEMS))(
  '$message, of the relay itself in revision 2026-07-28 or between revisions, is a heading',
  ({ message }) => {
    expect(headings).toContain(message)
  },
)
