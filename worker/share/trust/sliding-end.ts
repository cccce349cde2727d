/** Moves the end of a share that slides with its use, when what was counted of calls is written: never with a call. */
import type { RegistryObject } from '../../contract/objects.ts'
import { slidEnd, slidingStep } from '../../contract/registry/sliding-end.ts'
import type { TrustGate } from './gate.ts'

interface Parts {
  readonly gate: Pick<TrustGate, 'share' | 'apply'>
  /** Id of the share. */
  readonly share: string
  readonly registry: () => Pick<RegistryObject, 'slideShare'> | DurableObjectStub<RegistryObject>
  /** When this object has let in a client's call last, in milliseconds since 1970; undefined when it has slept since. */
  readonly usedAtMs: () => number | undefined
}

export class SlidingEnd {
  readonly #parts: Parts
  /** The use for which the registry was asked last: it may have had reasons to leave the end where it was. */
  #askedForMs = -Infinity

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Has the registry move the end, where it slides and the last use asks for it. What fails is asked again a step later, if the share is used. */
  async move(): Promise<void> {
    const { gate, share: id, registry, usedAtMs: lastUse } = this.#parts
    const usedAtMs = lastUse()
    const share = usedAtMs === undefined ? undefined : gate.share
    if (usedAtMs === undefined || share?.slidingMs === undefined) return
    const { expiresAtMs, slidingMs } = share
    if (usedAtMs - this.#askedForMs < slidingStep(slidingMs) || slidEnd(expiresAtMs, slidingMs, usedAtMs) === undefined) return
    this.#askedForMs = usedAtMs
    const trust = await registry()
      .slideShare(id, usedAtMs)
      .catch(() => undefined)
    if (trust !== undefined) await gate.apply({ op: 'share_changed', trust })
  }
}
