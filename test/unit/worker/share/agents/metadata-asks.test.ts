import { expect, test } from 'vitest'
import { decodeRelayFrame } from '../../../../../protocol/frame-codec.ts'
import type { AgentLink } from '../../../../../worker/share/agents/agent-link.ts'
import type { AgentLinks } from '../../../../../worker/share/agents/links.ts'
import { MetadataAsks } from '../../../../../worker/share/agents/metadata-asks.ts'
import { verifies } from '../../../../requirements/verifies.ts'

/** A link of an agent, and the keys of the questions that have gone there. */
function agent(passesAuth: boolean) {
  const keys: string[] = []
  const socket = {
    send: (frame: Uint8Array): void => {
      const read = decodeRelayFrame(frame)
      if (read.ok && read.value.header.type === 'metadata_ask') keys.push(read.value.header.key)
    },
  }
  return { keys, link: { passesAuth, socket, wire: undefined } as unknown as AgentLink }
}

function asksOf(...links: readonly AgentLink[]): MetadataAsks {
  return new MetadataAsks({ withServer: () => [...links] } as Pick<AgentLinks, 'withServer'> as AgentLinks)
}

const METADATA = new TextEncoder().encode('{"resource":"x"}')

test('verdict() says whether any agent passes on what clients show', () => {
  expect(asksOf().verdict()).toBe('away')
  expect(asksOf(agent(false).link).verdict()).toBe('refuses')
  expect(asksOf(agent(false).link, agent(true).link).verdict()).toBe('passes')
})

test('ask() puts one question to an agent for all who ask meanwhile, and another afterwards', async () => {
  verifies('promise.http.pass-auth')
  const { link, keys } = agent(true)
  const asks = asksOf(agent(false).link, link)
  const both = [asks.ask(), asks.ask()]
  expect(keys.length).toBe(1)
  asks.told(link, { type: 'metadata', key: 'another' }, METADATA)
  asks.told(link, { type: 'metadata', key: keys[0] ?? '' }, METADATA)
  expect(await Promise.all(both)).toEqual([{ json: '{"resource":"x"}' }, { json: '{"resource":"x"}' }])
  const next = asks.ask()
  asks.told(link, { type: 'metadata', key: keys[1] ?? '', lacks: 'issuer' }, new Uint8Array(0))
  expect(await next).toEqual({ lacks: 'issuer' })
})

test('ask() does not wait for an agent that is gone, nor for one that does not pass anything on', async () => {
  const { link } = agent(true)
  const asks = asksOf(link)
  const asked = asks.ask()
  asks.lost(link)
  expect(await asked).toEqual({ lacks: 'agent' })
  expect(await asksOf().ask()).toEqual({ lacks: 'agent' })
  expect(await asksOf(agent(false).link).ask()).toEqual({ lacks: 'passing' })
})
