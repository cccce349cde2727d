import { expect, test } from 'vitest'
import { childEnvironment, environmentSecrets, secretValues } from '../../../../agent/config/environment.ts'
import { verifies } from '../../../requirements/verifies.ts'

const OWN = {
  PATH: '/bin',
  HOME: '/home/me',
  LC_ALL: 'C',
  https_proxy: 'http://u:p@proxy',
  AWS_SECRET: 'aws',
  MCP_EDGE_TOKEN: 'token',
  NODE_OPTIONS: '--inspect',
  API_KEY: 'from-us',
}

test('childEnvironment() passes the allow-list and nothing else', () => {
  verifies('promise.9.environment')
  expect(childEnvironment(OWN, [], 'linux')).toEqual({ PATH: '/bin', HOME: '/home/me', LC_ALL: 'C', https_proxy: 'http://u:p@proxy' })
})

test('childEnvironment() adds KEY=VALUE as written and KEY from our own, which may be missing', () => {
  expect(childEnvironment({ API_KEY: 'from-us' }, ['A=1', 'B=x=y', 'C=', 'API_KEY', 'MISSING'], 'linux')).toEqual({
    A: '1',
    B: 'x=y',
    C: '',
    API_KEY: 'from-us',
  })
})

test('childEnvironment() takes names in any case on Windows', () => {
  expect(childEnvironment({ Path: 'C:\\', SystemRoot: 'C:\\Windows', Secret: 'x' }, [], 'win32')).toEqual({
    Path: 'C:\\',
    SystemRoot: 'C:\\Windows',
  })
})

test.each(['=x', '', ' =x', 'MCP_EDGE_TOKEN', 'mcp_edge_token=1', 'A B=1'])('childEnvironment() refuses %j', (entry) => {
  expect(() => childEnvironment(OWN, [entry], 'linux')).toThrow(RangeError)
})

test('secretValues() names what the user gave and proxies with a password', () => {
  expect(secretValues(OWN, ['A=1', 'API_KEY', 'MISSING'])).toEqual(['1', 'from-us', 'http://u:p@proxy'])
})

test.each([
  'GITHUB_TOKEN',
  'CLIENT_SECRET',
  'OPENAI_API_KEY',
  'apikey',
  'DB_PASSWORD',
  'PGPASS',
  'SSH_PASSPHRASE',
  'MYSQL_PWD',
  'AWS_CREDENTIALS',
  'BASIC_AUTH',
  'GITHUB_PAT',
  'SENTRY_DSN',
  'SESSION_COOKIE',
])('environmentSecrets() takes %s for a secret by its name', (name) => {
  verifies('promise.9.masked')
  expect(environmentSecrets({ [name]: 'value' })).toEqual(['value'])
})

test.each(['PATH', 'HOME', 'PWD', 'OLDPWD', 'LANG', 'NODE_ENV', 'AUTHOR', 'DATABASE_URL', 'PATTERN'])(
  'environmentSecrets() takes %s for none',
  (name) => {
    expect(environmentSecrets({ [name]: 'https://host/a:b@c' })).toEqual([])
  },
)

test.each([
  ['postgres://me:p%40ss@db:5432/x', ['p%40ss', 'p@ss']],
  ['redis://:hunter2@cache', ['hunter2', 'hunter2']],
  ['http://u:100%@proxy', ['100%', '100%']],
  ['Server=db;User Id=me;Password="a b";Encrypt=true', ['a b']],
  ["host=db password='a b' user=me", ['a b']],
  ['Driver={x};PWD=abc;', ['abc']],
])('environmentSecrets() finds the password in %s, whatever the variable is called', (value, passwords) => {
  verifies('promise.9.masked')
  expect(environmentSecrets({ X: value })).toEqual([value, ...passwords])
})

test('environmentSecrets() finds what has the shape of a token, whatever the variable is called', () => {
  verifies('promise.9.masked')
  const token = `ghp_${'0a'.repeat(18)}`
  expect(environmentSecrets({ GITHUB: token, ARGS: `--auth=${token} --verbose`, OPENAI: 'sk-short' })).toEqual([token, token])
})
