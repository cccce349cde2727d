import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Progress } from '../../../../../worker/mcp/response/progress.ts'
import { verifies } from '../../../../requirements/verifies.ts'

interface Heartbeat {
  readonly method: string
  readonly params: { readonly progressToken: unknown; readonly progress: number }
}

describe('Progress', () => {
  test('only ever rises, whatever the child reports and however often a heartbeat comes in between', () => {
    verifies('promise.8.progress-rises')
    const value = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 })
    const beat = fc.constant(undefined)
    fc.assert(
      fc.property(fc.array(fc.oneof(value, beat), { maxLength: 50 }), (steps) => {
        const progress = new Progress('"p"')
        const seen = steps.map((step) => {
          if (step !== undefined) return Number(progress.observe(String(step)) ?? step)
          return (JSON.parse(progress.heartbeat()) as Heartbeat).params.progress
        })
        for (const [at, now] of seen.entries()) if (at > 0) expect(now).toBeGreaterThan(seen[at - 1] ?? -Infinity)
      }),
    )
  })

  test('leaves a value that rises as the child wrote it', () => {
    const progress = new Progress('1')
    expect(progress.observe('1.0')).toBeUndefined()
    expect(progress.observe('1e1')).toBeUndefined()
  })

  test.each(['"p"', '0', '"\\u00fc"'])(
    'sends heartbeats with the token %s as the client wrote it, nearly where progress stood',
    (rawToken) => {
      verifies('promise.8.heartbeat-progress')
      const progress = new Progress(rawToken)
      progress.observe('5')
      const heartbeat = progress.heartbeat()
      expect(heartbeat).toContain(`"progressToken":${rawToken},`)
      expect((JSON.parse(heartbeat) as Heartbeat).params.progress).toBeCloseTo(5, 4)
    },
  )
})
