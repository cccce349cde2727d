import { expect, test } from 'vitest'
import { describeWays, faultsOf, type Passage, stagesOf, type Stage, withBlock } from '../../trace/way.ts'

const put = (direction: Passage['direction'], ...files: string[]): Passage => ({ direction, isTaken: false, files })
const take = (direction: Passage['direction'], ...files: string[]): Passage => ({ direction, isTaken: true, files })
const filesOf = (...passages: Passage[]): unknown => stagesOf(passages)[0]?.files

test('stagesOf() puts passages at their places, in the order of a call', () => {
  const passages = [put('up', 'worker/mcp/a.ts'), put('down', 'agent/b.ts'), put('down', 'worker/share/c.ts', 'worker/contract/d.ts')]
  expect(stagesOf(passages)).toEqual([
    { place: 'Share', direction: 'down', files: ['worker/share/c.ts', 'worker/contract/d.ts'], reentered: [] },
    { place: 'agent', direction: 'down', files: ['agent/b.ts'], reentered: [] },
    { place: 'Worker', direction: 'up', files: ['worker/mcp/a.ts'], reentered: [] },
  ])
})

test('stagesOf() leaves out what is pure, also as a way back into a file', () => {
  const passage = put('down', 'worker/a.ts', 'protocol/splice.ts', 'worker/bridge/names.ts', 'worker/a.ts', 'worker/b.ts')
  expect(stagesOf([passage])).toEqual([{ place: 'Worker', direction: 'down', files: ['worker/a.ts', 'worker/b.ts'], reentered: [] }])
})

test('stagesOf() names each file once that a stack leaves and enters again', () => {
  const [stage] = stagesOf([put('up', 'agent/a.ts', 'agent/b.ts', 'agent/a.ts', 'agent/c.ts', 'agent/a.ts')])
  expect(stage).toMatchObject({ files: ['agent/a.ts', 'agent/b.ts', 'agent/c.ts'], reentered: ['agent/a.ts'] })
})

test('stagesOf() follows a message out of a queue to who hands it on, and no further', () => {
  const into = put('up', 'worker/courier.ts', 'worker/queue.ts')
  const out = take('up', 'worker/door.ts', 'worker/respond.ts', 'worker/call.ts', 'worker/queue.ts')
  const written = put('up', 'worker/door.ts', 'worker/respond.ts', 'worker/responses.ts')
  expect(filesOf(into, out, written)).toEqual([
    'worker/courier.ts',
    'worker/queue.ts',
    'worker/call.ts',
    'worker/respond.ts',
    'worker/responses.ts',
  ])
})

test('stagesOf() follows it all the way out when nobody seen hands it on', () => {
  expect(filesOf(take('down', 'worker/door.ts', 'worker/message.ts'), put('down', 'worker/call.ts'))).toEqual([
    'worker/message.ts',
    'worker/door.ts',
    'worker/call.ts',
  ])
  expect(filesOf(take('up', 'agent/a.ts', 'agent/b.ts'))).toEqual(['agent/b.ts', 'agent/a.ts'])
})

const stage = (count: number, reentered: string[] = []): Stage => ({
  place: 'agent',
  direction: 'up',
  files: Array.from({ length: count }, (_, at) => `agent/${at}.ts`),
  reentered,
})

test('faultsOf() finds nothing wrong with five files, each entered once', () => {
  expect(faultsOf({ title: 'way', stages: [stage(5)] })).toEqual([])
})

test('faultsOf() names a sixth file, and each that is entered again', () => {
  expect(faultsOf({ title: 'way', stages: [stage(6, ['agent/0.ts'])] })).toEqual([
    'way: agent, up: 6 files, more than 5',
    'way: agent, up: agent/0.ts is left and entered again',
  ])
})

test('describeWays() writes a line for each stage', () => {
  expect(describeWays([{ title: 'way', stages: [stage(2, ['agent/0.ts'])] }])).toBe('way\n  agent  up    2  0 → 1 (again: 0)')
})

test('withBlock() replaces what is between the marks, and finds its own text again', () => {
  const page = withBlock('before\n<!-- trace:begin -->\nold\n<!-- trace:end -->\nafter', 'new')
  expect(page).toBe('before\n<!-- trace:begin -->\n\n```text\nnew\n```\n\n<!-- trace:end -->\nafter')
  expect(withBlock(page, 'new')).toBe(page)
})

test('withBlock() refuses a page without marks', () => {
  expect(() => withBlock('nothing', 'new')).toThrow('no <!-- trace:begin -->')
})
