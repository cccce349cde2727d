import { describe, expect, test } from 'vitest'
import { agentHostLabel, agentHostOrigin, mintAgentHost, readAgentHost } from '../../../../worker/access/agent-host.ts'
import { deriveKeys } from '../../../../worker/access/secrets/keys.ts'
import { mintShareId } from '../../../../worker/access/share-id.ts'

const { agentHost: key, shareId } = await deriveKeys(new Uint8Array(32).fill(7))
const share = await mintShareId(shareId, { lanes: 1, jurisdiction: 'eu' }, new Uint8Array(10).fill(9))
const link = 'abcdef0123456789abcdef01'
const label = await mintAgentHost(key, { share, link })

describe('mintAgentHost()', () => {
  test('writes a label that fits a name, in which share and link are found again', async () => {
    expect(label).toMatch(/^[a-z2-7]{56}-agent$/)
    expect(label.length).toBeLessThanOrEqual(63)
    expect(await readAgentHost(key, shareId, label)).toEqual({ share, link })
  })

  test('refuses what is neither a share id nor the id of a link', async () => {
    await expect(mintAgentHost(key, { share: 'x', link })).rejects.toThrow(RangeError)
    await expect(mintAgentHost(key, { share, link: 'ab' })).rejects.toThrow(RangeError)
  })
})

describe('readAgentHost()', () => {
  test('knows no label of which one character is another, nor one of another key', async () => {
    for (let at = 0; at < 56; at++) {
      const other = label.charAt(at) === 'a' ? 'b' : 'a'
      expect(await readAgentHost(key, shareId, `${label.slice(0, at)}${other}${label.slice(at + 1)}`)).toBeUndefined()
    }
    const { agentHost: foreign } = await deriveKeys(new Uint8Array(32).fill(8))
    expect(await readAgentHost(foreign, shareId, label)).toBeUndefined()
  })

  test.each(['', 'x-agent', label.slice(0, 56), `${label}s`, label.toUpperCase(), label.slice(1)])('knows no label %j', async (text) => {
    expect(await readAgentHost(key, shareId, text)).toBeUndefined()
  })
})

describe('agentHostLabel()', () => {
  const on = { shareDomain: 'share.example', hasAgentHosts: true }
  const url = `${agentHostOrigin('share.example', 'https://relay.example:8443', label)}/poll`

  test('finds the label in a URL, whatever its port, where the deployer allows such hosts', () => {
    expect(url).toBe(`https://${label}.share.example:8443/poll`)
    expect(agentHostLabel(on, url)).toBe(label)
    expect(agentHostLabel({ ...on, hasAgentHosts: false }, url)).toBeUndefined()
    expect(agentHostLabel({ ...on, shareDomain: undefined }, url)).toBeUndefined()
  })

  test('finds none on a host of a share, of its app, or below another domain', () => {
    for (const host of [
      `${share}.share.example`,
      `${share}-app.share.example`,
      `${label}.share.example.evil`,
      `x.${label}.share.example`,
      `${label}xshare.example`,
    ])
      expect(agentHostLabel(on, `https://${host}/poll?x=-agent.share.example`)).toBeUndefined()
  })
})
