import { expect, test } from 'vitest'
import { describeAgentLine, describeRelay, describeShare } from '../../../selfhost/report.ts'

const URL = 'http://127.0.0.1:1/s/x/k/y/mcp'

test('describeShare() has the share URL in a box that fits, what is shared, and where the data lies', () => {
  const text = describeShare({ shareUrl: URL, server: 'npx server', dataDir: '/data' })
  const [top = '', ...lines] = text.split('\n')
  expect(lines.slice(0, 3).map((line) => line.length)).toEqual([top.length, top.length, top.length])
  expect(lines[1]?.trim().split(/\s+/)).toContain(URL)
  expect(text).toMatch(/^Sharing: {2}npx server$/m)
  expect(text).toMatch(/^Data: {5}\/data /m)
})

test('describeShare() has a request to try, whose body is an initialize', () => {
  const [, body = ''] = / -d '(.*)'/.exec(describeShare({ shareUrl: URL, server: 's', dataDir: '/data' })) ?? []
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
