/** A server for clients that leave: what it is asked of `hang` it never answers. Its argument is a folder, in which it notes that it has greeted `restarts`. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { initialize, notify, Peer, send, text, toolMethods } from '../../test/fixtures/stdio-peer.ts'

const greetedFile = join(process.argv[2] ?? '.', 'greeted')
const hello = initialize('left', { tools: {}, prompts: {}, logging: {}, resources: { subscribe: true } })

/** The relay lists in its own name what the server offers, and waits 20 s for it: what is measured is what clients wait for. */
let isRelay = false

/** `slow` is never greeted, and `restarts` once: the process that follows the one which died never gets ready. */
function isGreeted(clientInfo: unknown): boolean {
  if (!isNamed(clientInfo, 'restarts')) return !isNamed(clientInfo, 'slow')
  if (existsSync(greetedFile)) return false
  // The relay's own listing, which may come first, is no greeting of it.
  writeFileSync(greetedFile, '')
  return true
}

function isNamed(clientInfo: unknown, name: string): boolean {
  return (clientInfo as { name?: string }).name === name
}

new Peer({
  methods: {
    ...toolMethods({
      echo: () => text('echo'),
      hang: () => undefined,
      streams: async () => {
        await notify('notifications/message', { level: 'info', data: 'begins' })
        return undefined
      },
      asks: async () => {
        await send({
          id: 'asked',
          method: 'elicitation/create',
          params: { message: 'Who?', requestedSchema: { type: 'object', properties: {} } },
        })
        return undefined
      },
      dies: () => process.exit(1),
    }),
    'prompts/list': () => (isRelay ? { prompts: [] } : undefined),
    'resources/subscribe': () => ({}),
    initialize: (call) => {
      if (!isGreeted(call.params['clientInfo'])) return undefined
      isRelay = isNamed(call.params['clientInfo'], 'mcp-edge')
      return hello(call)
    },
  },
})
