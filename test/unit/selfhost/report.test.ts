import { expect, test } from 'vitest'
import { describeAgentLine, describeRelay, describeShare, isNoise } from '../../../selfhost/report.ts'
import { verifies } from '../../requirements/verifies.ts'

const URL = 'http://127.0.0.1:1/s/x/k/y/mcp'

test('describeShare() has the share URL in a box that fits, what is shared, and where the data lies', () => {
  const text = describeShare({ shareUrl: URL, server: 'npx server', dataDir: '/data', serverFails: false })
  const [top = '', ...lines] = text.split('\n')
  expect(lines.slice(0, 3).map((line) => line.length)).toEqual([top.length, top.length, top.length])
  expect(lines[1]?.trim().split(/\s+/)).toContain(URL)
  expect(text).toMatch(/^Sharing: {2}npx server$/m)
  expect(text).toMatch(/^Data: {5}\/data /m)
})

test('describeShare() has a request to try, whose body is an initialize', () => {
  const [, body = ''] = / -d '(.*)'/.exec(describeShare({ shareUrl: URL, server: 's', dataDir: '/data', serverFails: false })) ?? []
  expect(JSON.parse(body)).toMatchObject({ method: 'initialize', params: { protocolVersion: '2025-11-25' } })
})

test('describeRelay() says how to claim an open relay, and how to make a share on one that has an owner', () => {
  expect(describeRelay('http://r', '/data', true)).toContain('curl -X POST http://r/api/claim')
  const owned = describeRelay('http://r', '/data', false)
  expect(owned).toContain('curl -X POST http://r/api/shares')
  expect(owned).toContain('/data/state.json')
  expect(owned).not.toContain('claim')
})

test.each([
  ['{"time":"t","level":"info","event":"ready","agent":"a","n":1}', '[agent] info ready agent=a n=1'],
  ['{"time":"t","level":"info","event":"child.stderr","line":"hello there"}', '[server] hello there'],
  ['no JSON', 'no JSON'],
])('describeAgentLine() of %s is %s', (line, text) => {
  expect(describeAgentLine(line)).toBe(text)
})

test('describeShare() says that the server fails, where it was seen to', () => {
  verifies('promise.8.failing-start')
  const text = describeShare({ shareUrl: URL, server: 's', dataDir: '/data', serverFails: true })
  expect(text).toMatch(/^Sharing: {2}s\nProblem: {2}.*every call fails/m)
})

test.each([
  ['{"level":"info","event":"ready"}', [true, false]],
  ['{"level":"debug","event":"era"}', [true, false]],
  ['{"level":"warn","event":"link.lost"}', [false, false]],
  ['{"level":"info","event":"child.stderr","line":"x"}', [false, false]],
  ['no JSON', [false, false]],
])('isNoise() of %s before and after the share is up is %j', (line, expected) => {
  expect([isNoise(line, false), isNoise(line, true)]).toEqual(expected)
})
