import { expect, test } from 'vitest'
import { MirroredTools } from '../../../../../agent/server/http/mirrored-tools.ts'
import { MAX_LISTED_TOOLS, MAX_TOOL_LISTS, UNLISTED_MS } from '../../../../../agent/limits.ts'
import { verifies } from '../../../../requirements/verifies.ts'

function tool(name: string, header: string): object {
  return { name, inputSchema: { type: 'object', properties: { place: { type: 'string', 'x-mcp-header': header } } } }
}

/** A list that counts how often it is asked for. */
class Listed {
  times = 0
  result: unknown
  readonly ask = (): Promise<unknown> => {
    this.times++
    return Promise.resolve(this.result)
  }

  constructor(result: unknown) {
    this.result = result
  }
}

const names = (params: readonly { readonly name: string }[]): string[] => params.map(({ name }) => name)

test('MirroredTools knows what is mirrored for each client as the server has listed it to clients like it', async () => {
  verifies('promise.1.audience')
  const mirrored = new MirroredTools()
  const [a, b] = [new Listed({ tools: [tool('do', 'Region')] }), new Listed({ tools: [tool('do', 'Zone')] })]
  const found = await Promise.all([
    mirrored.paramsOf('a', 'do', a.ask),
    mirrored.paramsOf('a', 'do', a.ask),
    mirrored.paramsOf('b', 'do', b.ask),
  ])
  expect(found.map(names)).toEqual([['Region'], ['Region'], ['Zone']])
  mirrored.forget('a')
  a.result = { tools: [tool('do', 'Country')] }
  expect(names(await mirrored.paramsOf('a', 'do', a.ask))).toEqual(['Country'])
  expect(names(await mirrored.paramsOf('b', 'do', b.ask))).toEqual(['Zone'])
  expect([a.times, b.times]).toEqual([2, 1])
})

test('MirroredTools does not ask a server that does not list for each call', async () => {
  verifies('promise.http.unlisted')
  let nowMs = 0
  const mirrored = new MirroredTools(() => nowMs)
  const listed = new Listed(undefined)
  for (let call = 0; call < 3; call++) expect(await mirrored.paramsOf('a', 'do', listed.ask)).toEqual([])
  expect(listed.times).toBe(1)
  listed.result = { tools: [tool('do', 'Region')] }
  nowMs = UNLISTED_MS
  expect(names(await mirrored.paramsOf('a', 'do', listed.ask))).toEqual(['Region'])
  nowMs = 100 * UNLISTED_MS
  expect(names(await mirrored.paramsOf('a', 'do', listed.ask))).toEqual(['Region'])
  expect(listed.times).toBe(2)
})

test('MirroredTools knows so many lists, and so many tools of each', async () => {
  const mirrored = new MirroredTools()
  const many = Array.from({ length: MAX_LISTED_TOOLS }, (_, at) => tool(`t${at}`, 'Region'))
  const listed = new Listed({ tools: [...many, tool('do', 'Region')] })
  expect(await mirrored.paramsOf('first', 'do', listed.ask)).toEqual([])
  expect(names(await mirrored.paramsOf('first', `t${MAX_LISTED_TOOLS - 1}`, listed.ask))).toEqual(['Region'])
  expect(listed.times).toBe(1)
  const few = new Listed({ tools: [] })
  for (let at = 0; at < MAX_TOOL_LISTS; at++) await mirrored.paramsOf(`client ${at}`, 'do', few.ask)
  await mirrored.paramsOf('first', 'do', listed.ask)
  expect(listed.times).toBe(2)
})
