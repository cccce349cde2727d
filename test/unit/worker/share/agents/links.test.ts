import { expect, test } from 'vitest'
import { AgentLinks } from '../../../../../worker/share/agents/links.ts'
import { verifies } from '../../../../requirements/verifies.ts'

const [OPEN, CLOSING] = [1, 2]

class FakeSocket {
  readyState = OPEN
  readonly #agent: string

  constructor(agent: string) {
    this.#agent = agent
  }

  deserializeAttachment(): object {
    const hello = { agent: this.#agent, instance: 'one', join: 'replica', isolation: 'session', product: 'x/1', era: 'legacy' }
    return { role: 'agent', connectedAtMs: 1, hello }
  }
}

/** No agent here is of another make. */
const NO_FOREIGN: ConstructorParameters<typeof AgentLinks>[2] = {
  fresh: () => expect.unreachable(),
  at: () => undefined,
}

/** Links that an object finds when it wakes. */
function woken(...sockets: readonly FakeSocket[]): { links: AgentLinks; broken: unknown[] } {
  const broken: unknown[] = []
  const ctx: Pick<DurableObjectState, 'getWebSockets'> = { getWebSockets: () => sockets as unknown as WebSocket[] }
  const onBroken = (socket: WebSocket): void => {
    links.remove(socket)
    broken.push(socket)
  }
  const links = new AgentLinks(ctx as DurableObjectState, onBroken, NO_FOREIGN)
  return { links, broken }
}

test('AgentLinks passes over sockets that are listed after sleep and are closing', () => {
  verifies('promise.5.closing-sockets')
  const dismissed = new FakeSocket('dismissed')
  dismissed.readyState = CLOSING
  const { links } = woken(dismissed, new FakeSocket('here'))
  expect(links.all().map(({ name }) => name)).toEqual(['here'])
  expect(links.named('dismissed')).toBeUndefined()
})

test('AgentLinks takes a link for lost, once, whose socket is found closed before something is sent', () => {
  verifies('promise.5.closing-sockets')
  const [dropped, here] = [new FakeSocket('dropped'), new FakeSocket('here')]
  const { links, broken } = woken(dropped, here)
  expect(links.named('dropped')).toBeDefined()
  dropped.readyState = CLOSING
  expect([links.named('dropped'), links.named('dropped')]).toEqual([undefined, undefined])
  expect(
    links.choose(
      () => 0,
      () => false,
    )?.name,
  ).toBe('here')
  expect(broken).toEqual([dropped])
  // Its close may be told of after all, and with a code that says more.
  expect(links.remove(dropped as unknown as WebSocket)?.name).toBe('dropped')
})
