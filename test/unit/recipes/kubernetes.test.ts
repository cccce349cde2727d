import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import manifest from '../../../package.json' with { type: 'json' }
import { asArray, asObject, type JsonObject, textField } from '../../harness/json.ts'
import { verifies } from '../../requirements/verifies.ts'
import { agentVariables, agentWords, behind, imageRecipe, readRecipe, relayVariables, relayWords } from './recipe-files.ts'

function objects(name: string): JsonObject[] {
  return parseAllDocuments(readRecipe(`kubernetes/${name}.yaml`)).map((document) => {
    expect(document.errors).toEqual([])
    return asObject(document.toJS())
  })
}

/** What stands under a path of keys and indices. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof key === 'number' ? asArray(inner)[key] : asObject(inner)[key]), value)
}

const [relay, service] = objects('relay')
const [agent] = objects('agent')
const POD = ['spec', 'template', 'spec'] as const
const CONTAINER = [...POD, 'containers', 0] as const
const workloads = [
  { name: 'relay', workload: relay },
  { name: 'agent', workload: agent },
]

function variables(workload: unknown): JsonObject[] {
  return asArray(at(workload, ...CONTAINER, 'env')).map(asObject)
}

function mounts(workload: unknown): JsonObject[] {
  return asArray(at(workload, ...CONTAINER, 'volumeMounts')).map(asObject)
}

describe.each(workloads)('$name.yaml', ({ name, workload }) => {
  test('runs the image of this version as its own user, with nothing that it does not need', () => {
    verifies('promise.recipes.kubernetes')
    expect(at(workload, ...CONTAINER, 'image')).toBe(`mcp-edge-${name}:${manifest.version}`)
    const { user } = imageRecipe(name)
    const pod = asObject(at(workload, ...POD, 'securityContext'))
    expect(`${String(pod['runAsUser'])}:${String(pod['runAsGroup'])}`).toBe(user)
    expect(pod['runAsNonRoot']).toBe(true)
    expect(at(workload, ...CONTAINER, 'securityContext')).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(at(workload, ...POD, 'automountServiceAccountToken')).toBe(false)
  })

  test('selects its own pods, gives calls time to end, and mounts what it has', () => {
    verifies('promise.recipes.kubernetes')
    const labels = at(workload, 'spec', 'template', 'metadata', 'labels')
    expect(at(workload, 'spec', 'selector', 'matchLabels')).toEqual(labels)
    expect(at(workload, ...POD, 'terminationGracePeriodSeconds')).toBe(30)
    const claims = asArray(asObject(at(workload, 'spec'))['volumeClaimTemplates'] ?? []).map((claim) => at(claim, 'metadata', 'name'))
    const volumes = asArray(at(workload, ...POD, 'volumes')).map((volume) => asObject(volume)['name'])
    expect(mounts(workload).map((mount) => mount['name'])).toEqual(expect.arrayContaining([...claims, ...volumes]))
    expect(mounts(workload)).toHaveLength(claims.length + volumes.length)
  })
})

test('relay.yaml is one pod with options and variables that there are, its state on the volume of the image', () => {
  verifies('promise.recipes.kubernetes')
  const image = imageRecipe('relay')
  const options = relayWords([...behind('selfhost/start.ts', image.entrypoint), ...asArray(at(relay, ...CONTAINER, 'args')).map(String)])
  expect(at(relay, 'spec', 'replicas')).toBe(1)
  expect(relayVariables()).toEqual(expect.arrayContaining(variables(relay).map((one) => textField(one, 'name'))))
  expect(mounts(relay)[0]).toEqual({ name: 'state', mountPath: image.volumes[0] })
  expect(at(relay, ...CONTAINER, 'ports', 0, 'containerPort')).toBe(options.port)
  for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe'])
    expect(at(relay, ...CONTAINER, probe, 'httpGet')).toEqual({ path: '/healthz', port: 'http' })
})

test('relay.yaml has a service by whose name the relay answers', () => {
  verifies('promise.recipes.kubernetes')
  const name = at(service, 'metadata', 'name')
  expect(at(relay, 'spec', 'serviceName')).toBe(name)
  expect(at(service, 'spec', 'selector')).toEqual(at(relay, 'spec', 'selector', 'matchLabels'))
  expect(variables(relay)).toContainEqual({ name: 'ALLOWED_HOSTS', value: name })
  const { port } = asObject(at(service, 'spec', 'ports', 0))
  expect(variables(agent)).toContainEqual({ name: 'MCP_EDGE_RELAY', value: `http://${String(name)}:${String(port)}` })
})

test('agent.yaml has replicas of names of their own, with the token in a file of the secret', () => {
  verifies('promise.recipes.kubernetes')
  expect(agentWords(asArray(at(agent, ...CONTAINER, 'args')).map(String)).slice(0, 2)).toEqual(['npx', '-y'])
  const given = variables(agent)
  expect(agentVariables()).toEqual(expect.arrayContaining(given.map((one) => textField(one, 'name'))))
  expect(given).toContainEqual({ name: 'MCP_EDGE_REPLICA', value: '1' })
  expect(given).toContainEqual({ name: 'MCP_EDGE_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } })
  const place = mounts(agent).find((mount) => mount['name'] === 'token')?.['mountPath']
  expect(given).toContainEqual({ name: 'MCP_EDGE_TOKEN_FILE', value: `${String(place)}/token` })
  expect(readRecipe('kubernetes/agent.yaml')).toContain(`secret generic mcp-edge-agent --from-file=token=`)
  expect(at(agent, ...POD, 'volumes', 0, 'secret', 'secretName')).toBe('mcp-edge-agent')
})
