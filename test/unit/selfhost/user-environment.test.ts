import { expect, test } from 'vitest'
import { userEnvironment } from '../../../selfhost/user-environment.ts'

test('userEnvironment() takes away the folders that npm puts before the PATH of its user, and no others', () => {
  const own = '/home/u/bin:/usr/bin:/home/u/other/node_modules/.bin'
  const path = `/p/node_modules/.bin:/node_modules/.bin:/usr/lib/node_modules/npm/node_modules/@npmcli/run-script/lib/node-gyp-bin:${own}`
  expect(userEnvironment({ npm_lifecycle_event: 'start', PATH: path, KEY: 'v' }, ':')).toMatchObject({ PATH: own, KEY: 'v' })
  expect(userEnvironment({ npm_lifecycle_event: 'start', Path: 'C:\\p\\node_modules\\.bin;C:\\w' }, ';')).toMatchObject({ Path: 'C:\\w' })
})

test('userEnvironment() leaves an environment alone that npm has not made', () => {
  const env = { PATH: '/p/node_modules/.bin:/usr/bin' }
  expect(userEnvironment(env, ':')).toEqual(env)
})
