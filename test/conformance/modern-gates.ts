/** Owns the tools of the 2026-07-28 fixture that wait until they are let go, and the journal of those that were cancelled. */
import { acceptedContent, inputRequired } from '@modelcontextprotocol/server'
import { objectOf, text } from './answers.ts'
import type { Args, ModernTool } from './modern-tool.ts'

const gates = new Map<string, PromiseWithResolvers<void>>()
const cancelled: string[] = []

function gate(name: string): PromiseWithResolvers<void> {
  const known = gates.get(name) ?? Promise.withResolvers<void>()
  gates.set(name, known)
  return known
}

function keyOf(args: Args): string {
  return String(args['key'])
}

export const GATED_TOOLS: Readonly<Record<string, ModernTool>> = {
  wait: {
    description: 'Answers once `open` is called with the same key; reports progress 1 before, 2 after',
    run: async (args, { mcpReq }) => {
      const key = keyOf(args)
      const aborted = Promise.withResolvers<void>()
      mcpReq.signal.addEventListener('abort', () => aborted.resolve(), { once: true })
      const progressToken = mcpReq._meta?.progressToken
      const report = async (progress: number): Promise<void> => {
        if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress } })
      }
      await report(1)
      gate(`waiting ${key}`).resolve()
      await Promise.race([gate(`open ${key}`).promise, aborted.promise])
      if (mcpReq.signal.aborted) {
        cancelled.push(key)
        gate('cancelled').resolve()
      } else await report(2)
      return text(`opened ${key}`)
    },
  },
  wait_and_ask: {
    description: 'Reports progress 1, and asks once `open` is called with the same key',
    run: async (args, { mcpReq }) => {
      const given = acceptedContent<{ name: string }>(mcpReq.inputResponses, 'who')
      if (given !== undefined) return text(`Hello, ${given.name}!`)
      const progressToken = mcpReq._meta?.progressToken
      if (progressToken !== undefined) await mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: 1 } })
      await gate(`open ${keyOf(args)}`).promise
      const requestedSchema = objectOf('name', { type: 'string' as const })
      return inputRequired({ inputRequests: { who: inputRequired.elicit({ message: 'Who is there?', requestedSchema }) } })
    },
  },
  waiting: {
    description: 'Answers once a `wait` with the key has begun',
    run: async (args) => {
      await gate(`waiting ${keyOf(args)}`).promise
      return text('waiting')
    },
  },
  open: {
    description: 'Lets a `wait` go',
    run: (args) => {
      gate(`open ${keyOf(args)}`).resolve()
      return text('open')
    },
  },
  cancelled: {
    description: 'Answers once a `wait` was cancelled, with the keys of all that were',
    run: async () => {
      await gate('cancelled').promise
      return text(JSON.stringify(cancelled))
    },
  },
}
