import { expect, test } from 'vitest'
import { mistakenWebApp, readNpmOptions } from '../../../selfhost/npm-options.ts'

const NAMES = ['json', 'port', 'relay-only']

test.each([
  [{}, false, []],
  [{ npm_lifecycle_event: 'start' }, false, []],
  [{ npm_lifecycle_event: 'start', npm_config_json: 'true' }, true, []],
  [
    { npm_lifecycle_event: 'start', npm_config_port: 'true', npm_config_relay_only: '1', npm_config_cache: '/x' },
    false,
    ['port', 'relay-only'],
  ],
  [{ npm_lifecycle_event: 'test', npm_config_json: 'true', npm_config_port: '1' }, false, []],
])('readNpmOptions() of %j', (env, isJson, lost) => {
  expect(readNpmOptions(env, NAMES)).toEqual({ isJson, lost })
})

test.each([
  [{ npm_lifecycle_event: 'start', npm_config_https_proxy: 'http://localhost:3000' }, 'http://localhost:3000'],
  [{ npm_lifecycle_event: 'start', npm_config_https_proxy: 'http://127.0.0.1:3000/' }, 'http://127.0.0.1:3000/'],
  [{ npm_lifecycle_event: 'start', npm_config_https_proxy: 'http://proxy.example.com:3128' }, undefined],
  [{ npm_lifecycle_event: 'start', npm_config_https_proxy: 'http://127.0.0.1:3128', HTTPS_PROXY: 'http://127.0.0.1:3128' }, undefined],
  [{ npm_lifecycle_event: 'test', npm_config_https_proxy: 'http://localhost:3000' }, undefined],
  [{ npm_lifecycle_event: 'start' }, undefined],
])('mistakenWebApp() of %j', (env, app) => {
  expect(mistakenWebApp(env)).toBe(app)
})
