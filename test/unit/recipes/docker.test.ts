import { Validator } from '@cfworker/json-schema'
import { describe, expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import agentManifest from '../../../agent/package.json' with { type: 'json' }
import manifest from '../../../package.json' with { type: 'json' }
import { asArray, asObject, type JsonObject, textField } from '../../harness/json.ts'
import { verifies } from '../../requirements/verifies.ts'
import {
  agentVariables,
  agentWords,
  behind,
  composeSchema,
  imageRecipe,
  isInCheckout,
  isSentToBuild,
  readRecipe,
  relayVariables,
  relayWords,
} from './recipe-files.ts'

const IMAGES = ['agent', 'relay'] as const
const START = 'selfhost/start.ts'

describe.each(IMAGES)('%s.Dockerfile', (name) => {
  const image = imageRecipe(name)

  test('is made of a base with a tag that names version and variant', () => {
    verifies('promise.recipes.images')
    for (const base of image.bases) expect(base).toMatch(/^node:24-\w+-slim$/)
  })

  test('copies what is in the checkout, and is sent to the build', () => {
    verifies('promise.recipes.images')
    expect(image.sources).not.toEqual([])
    expect(image.sources.filter((source) => !isInCheckout(source) || !isSentToBuild(source))).toEqual([])
  })

  test('runs as a user by number that is not root, below an init, and is stopped by SIGTERM', () => {
    verifies('promise.recipes.images')
    expect(image.user).toBe('1000:1000')
    expect(image.entrypoint.slice(0, 3)).toEqual(['tini', '--', 'node'])
    expect(image.stopSignal).toBe('SIGTERM')
  })
})

test('relay.Dockerfile keeps its state in its volume, in a folder of its own', () => {
  verifies('promise.recipes.images')
  const { entrypoint, command, volumes, sources } = imageRecipe('relay')
  const options = relayWords([...behind(START, entrypoint), ...command])
  expect(volumes).toHaveLength(1)
  expect(options.data?.startsWith(`${volumes[0]}/`)).toBe(true)
  expect(options.relayOnly).toBe(true)
  for (const needed of ['wrangler.toml', 'worker', 'protocol', 'agent', 'selfhost', 'package-lock.json']) expect(sources).toContain(needed)
})

test('relay.Dockerfile looks at /healthz of the port that it listens on and exposes', () => {
  verifies('promise.recipes.images')
  const { entrypoint, command, ports, healthCheck } = imageRecipe('relay')
  const { port, host } = relayWords([...behind(START, entrypoint), ...command])
  expect(ports).toEqual([String(port)])
  expect(host).toBe('0.0.0.0')
  expect(healthCheck).toContain(`'http://127.0.0.1:${port}/healthz'`)
})

test('agent.Dockerfile runs the program that the build of the package makes', () => {
  verifies('promise.recipes.images')
  const [, script = ''] = /npm run (\S+) -w agent/.exec(readRecipe('docker/agent.Dockerfile')) ?? []
  expect(asObject(agentManifest.scripts)[script]).toMatch(/^esbuild cli\.ts .*--outdir=dist /)
  const { entrypoint, places } = imageRecipe('agent')
  expect(entrypoint.at(-1)).toBe('/opt/mcp-edge/agent/dist/cli.js')
  expect(places).toContain('/src/agent/dist')
})

describe('compose.yaml', () => {
  const document: unknown = parseYaml(readRecipe('docker/compose.yaml'), { merge: true })
  const compose = asObject(document)
  const services = Object.entries(asObject(compose['services'])).map(([name, value]) => ({ name, service: asObject(value) }))
  const agents = services.filter(({ name }) => name.startsWith('agent'))
  const relay = asObject(services.find(({ name }) => name === 'relay')?.service)
  const words = (service: JsonObject): string[] => asArray(service['command']).map(String)
  const variables = (service: JsonObject): JsonObject => asObject(service['environment'])

  test('is what the Compose Specification takes', () => {
    verifies('promise.recipes.compose')
    const { errors } = new Validator(composeSchema(), '7', false).validate(document)
    expect(errors).toEqual([])
  })

  test('builds the images of the Dockerfiles beside it', () => {
    verifies('promise.recipes.compose')
    for (const { service } of services) {
      const build = asObject(service['build'])
      expect(build['context']).toBe('../..')
      expect(textField(service, 'image').split(':')[1]).toBe(manifest.version)
      expect(isInCheckout(textField(build, 'dockerfile'))).toBe(true)
      expect(build['dockerfile']).toBe(`recipes/docker/${/^mcp-edge-(\w+):/.exec(textField(service, 'image'))?.[1]}.Dockerfile`)
    }
  })

  test('tells relay and agents what they know by option and variable', () => {
    verifies('promise.recipes.compose')
    const { port, publicUrl } = relayWords([...behind(START, imageRecipe('relay').entrypoint), ...words(relay)])
    expect(asArray(relay['ports'])).toEqual([`127.0.0.1:${port}:${port}`])
    expect(publicUrl).toBe(`http://localhost:${port}`)
    expect(relayVariables()).toEqual(expect.arrayContaining(Object.keys(variables(relay))))
    for (const { service } of agents) {
      expect(agentWords(words(service)).slice(0, 2)).toEqual(['npx', '-y'])
      expect(agentVariables()).toEqual(expect.arrayContaining(Object.keys(variables(service))))
      expect(variables(service)['MCP_EDGE_RELAY']).toBe(`http://${String(variables(relay)['ALLOWED_HOSTS'])}:${port}`)
    }
  })

  test('has two agents of one share that do not take each other’s place, with the token in a file', () => {
    verifies('promise.recipes.compose')
    expect(agents).toHaveLength(2)
    expect(new Set(agents.map(({ service }) => variables(service)['MCP_EDGE_NAME'])).size).toBe(2)
    for (const { service } of agents) {
      const [secret] = asArray(service['secrets'])
      expect(variables(service)).toMatchObject({ MCP_EDGE_REPLICA: '1', MCP_EDGE_TOKEN_FILE: `/run/secrets/${String(secret)}` })
      expect(asObject(compose['secrets'])).toHaveProperty(String(secret))
    }
  })

  test('keeps the volume of the image, and gives calls time to end', () => {
    verifies('promise.recipes.compose')
    const [mount] = asArray(relay['volumes'])
    expect(String(mount).split(':')[1]).toBe(imageRecipe('relay').volumes[0])
    expect(services.map(({ service }) => service['stop_grace_period'])).toEqual(['30s', '30s', '30s'])
  })
})
