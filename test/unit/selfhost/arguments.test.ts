import { expect, test } from 'vitest'
import { divideArguments } from '../../../selfhost/arguments.ts'

const OWN = [
  { name: 'port', takesValue: true },
  { name: 'verbose', takesValue: false },
]
const AGENT = [
  { name: 'env', takesValue: true },
  { name: 'verbose', takesValue: false },
]

test.each<[string[], string[], string[], string[]]>([
  [
    ['--port', '1', '--env', 'A', '--', 'x', '--port'],
    ['--port', '1'],
    ['--env', 'A'],
    ['x', '--port'],
  ],
  [['--port=1', '--env=A=B', 'x', '--', 'y'], ['--port=1'], ['--env=A=B'], ['x', '--', 'y']],
  [['--verbose', 'x'], ['--verbose'], ['--verbose'], ['x']],
  [['--bogus', '-x'], ['--bogus', '-x'], [], []],
  [['--env'], [], ['--env'], []],
  [['--'], [], [], []],
])('divideArguments() of %j', (args, own, agent, command) => {
  expect(divideArguments(args, OWN, AGENT)).toEqual({ own, agent, command })
})
