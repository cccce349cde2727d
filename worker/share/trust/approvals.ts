/** Makes a call that its owner must allow only when that is done; else says that it waits. With lanes, one of them keeps what is decided. */
import { isUnrun } from '../../../protocol/failed-frame.ts'
import { decodeAgentFrame } from '../../../protocol/frame-codec.ts'
import { textDigest } from '../../../protocol/policy/canonical-json.ts'
import { approvalResult } from '../../bridge/approval-result.ts'
import type {
  ApprovalAnswer,
  ApprovalAsk,
  ApprovalCommand,
  ApprovalNote,
  HeldCall,
  HoldOrder,
  ApprovalVerdict,
} from '../../contract/trust/approvals.ts'
import { leafOf } from '../../contract/trust/pass.ts'
import type { CallOutcome, CallRequest } from '../../contract/share-rpc.ts'
import type { Pass } from '../../contract/trust/trust-rpc.ts'
import type { LaneKey } from '../../contract/lane-key.ts'
import { keeperOf, type Lane, laneBy, laneCount } from '../../lanes.ts'
import { BUSY_LIMIT_RETRY_MS } from '../../trust-limits.ts'
import type { ServedSets } from '../agents/served-sets.ts'
import type { Sessions } from '../calls/sessions.ts'
import type { HeldWaits } from '../clients/held-waits.ts'
import type { ApprovalKeeper } from './approval-keeper.ts'
import type { TrustGate } from './gate.ts'
import { RAN_NOT } from './spending.ts'
import type { AdminCommand } from '../../contract/share-admin.ts'

interface Parts {
  /** Id of the share, and which of its lanes this is. */
  readonly share: string
  readonly lane: LaneKey
  readonly servedSets: ServedSets
  readonly gate: TrustGate
  readonly sessions: Sessions
  readonly keeper: ApprovalKeeper
  readonly heldWaits: HeldWaits
  /** What an owner is shown of a session, and of its client. */
  readonly shownSession: (session: string) => Pick<ApprovalAsk, 'client' | 'session'>
  /** Gives an order to another lane, as `ShareObject.hold` answers it. */
  readonly holdOn: (lane: Lane, order: HoldOrder) => Promise<string | undefined>
}

type Make = (request: CallRequest) => CallOutcome | Promise<CallOutcome>

const TRIES = 2
const UNREACHED: CallOutcome = {
  kind: 'failed',
  failure: {
    code: 'SHARE_BUSY',
    executed: 'no',
    retryAfterMs: BUSY_LIMIT_RETRY_MS,
    detail: 'what its owner allows cannot be told for the moment',
  },
}

export class Approvals {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#parts.keeper.forget()
  }

  /** Makes a call of a tool that is held, unless it has to wait for its owner. */
  call(pass: Pass, request: CallRequest, make: Make): CallOutcome | Promise<CallOutcome> {
    // Over HTTP+SSE the Worker that holds the session's stream asks.
    if (request.hold === undefined || request.delivery === 'session') return make(request)
    // Whoever has no such session is told so, and nobody is asked.
    if ('session' in request && 'code' in this.#parts.sessions.of(request)) return make(unjudged(request))
    // It names the state of the tools in which the Worker has found it, and so the agent that has them.
    const server = this.#parts.servedSets.inState(request.toolsVersion ?? request.bridge ?? '', request.tool)?.name
    return server === undefined ? make(unjudged(request)) : this.#decide(pass, request, server, make)
  }

  /** What a Worker has found out of a call that was let through. */
  async note(note: ApprovalNote): Promise<void> {
    await this.#order(note)
  }

  /** What another lane says. */
  async obeyLane(order: HoldOrder): Promise<ApprovalVerdict | undefined> {
    // Here its client may never have been: what ends with a link must end here too.
    const [root, ...narrowed] = order.op === 'ask' ? order.ask.chain : []
    if (root !== undefined) await this.#parts.gate.refuse({ chain: [root, ...narrowed] }, Date.now(), false)
    return this.#obey(order)
  }

  obey(command: ApprovalCommand): ApprovalAnswer {
    return this.#parts.keeper.obey(command, Date.now())
  }

  /** Tells lanes that approvals are decided. One that is not reached goes on waiting until its clients have waited long enough. */
  tell(lanes: readonly LaneKey[], ids: readonly string[]): void {
    const { share, lane: own, holdOn } = this.#parts
    for (const key of lanes) {
      const lane = key === own ? undefined : laneBy(share, key)
      if (lane === undefined) this.#parts.heldWaits.decided(ids)
      else void this.#insist(() => holdOn(lane, { op: 'decided', ids }))
    }
  }

  async #decide(pass: Pass, request: CallRequest, server: string, make: Make): Promise<CallOutcome> {
    const { lane, gate, shownSession } = this.#parts
    const { key, principal, hold } = request
    if (hold === undefined) return make(request)
    const { further, ...named } = hold
    // By which it was judged: they may change while this waits.
    const policy = gate.factsOf(leafOf(pass))?.state ?? ''
    const ask: ApprovalAsk = {
      ...named,
      ...('session' in request ? shownSession(request.session) : {}),
      chain: pass.chain,
      principal,
      server,
      argumentsDigest: await boundDigest(hold),
      policy,
    }
    const round = further?.round
    const ofRound = round === undefined ? {} : { round }
    const goesOn =
      round === undefined ? {} : { goesOn: { round, argumentsDigest: await boundDigest({ arguments: hold.arguments, ...further }) } }
    const verdict = await this.#order({ op: 'ask', ask, key, lane, ...goesOn })
    switch (verdict?.kind) {
      case 'go': {
        const outcome = await make({ ...request, runsOnce: true })
        if (verdict.isUsed && ranNot(outcome)) await this.#order({ op: 'release', key, ...ofRound })
        return outcome
      }
      case 'held': {
        const failure = this.#parts.heldWaits.refusal(verdict.id, principal)
        return failure === undefined ? { kind: 'held', id: verdict.id } : { kind: 'failed', failure }
      }
      case 'denied': {
        const era = 'session' in request ? 'legacy' : 'modern'
        return { kind: 'result', result: approvalResult('APPROVAL_DENIED', era, verdict.id), outcome: 'APPROVAL_DENIED' }
      }
      case 'full':
        return { kind: 'failed', failure: { code: 'APPROVALS_FULL', executed: 'no', detail: verdict.detail } }
      case undefined:
        return UNREACHED
    }
  }

  /** Does what the lane is told that keeps this, or has that do it; undefined when it cannot be reached. */
  async #order(order: HoldOrder): Promise<ApprovalVerdict | undefined> {
    const { share, lane, holdOn } = this.#parts
    if (share === '' || (lane === 0 && laneCount(share) === 1)) return this.#obey(order)
    const keeper = keeperOf(share)
    if (keeper.index === lane) return this.#obey(order)
    const told = await this.#insist(() => holdOn(keeper, order))
    return told === undefined ? undefined : (JSON.parse(told) as ApprovalVerdict)
  }

  #obey(order: HoldOrder): ApprovalVerdict | undefined {
    const { keeper, heldWaits } = this.#parts
    switch (order.op) {
      case 'ask':
        return keeper.ask(order, Date.now())
      case 'release':
        keeper.release(order.key, order.round)
        return undefined
      case 'round':
        keeper.noteRound(order.key, order.round)
        return undefined
      case 'decided':
        heldWaits.decided(order.ids)
        return undefined
    }
  }

  /** Asks once more of a lane that was reset: the key tells it what it has answered. */
  async #insist(ask: () => Promise<string | undefined>): Promise<string | undefined> {
    for (let tries = 1; tries <= TRIES; tries++) {
      try {
        return await ask()
      } catch {
        // Asked again, or given up.
      }
    }
    return undefined
  }
}

/** Of all that a call says: canonical texts have no line breaks. */
function boundDigest({ arguments: args, otherParams }: Pick<HeldCall, 'arguments' | 'otherParams'>): Promise<string> {
  return textDigest(otherParams === undefined ? args : `${args}\n${otherParams}`)
}

/** Whether nothing has run: nothing was sent, or an agent says so of what it got. */
function ranNot(outcome: CallOutcome): boolean {
  if (outcome.kind === 'frame') {
    const frame = decodeAgentFrame(outcome.frame)
    return frame.ok && isUnrun(frame.value.header)
  }
  if (outcome.kind !== 'failed') return RAN_NOT.has(outcome.kind)
  const { executed = 'no' } = outcome.failure
  return executed === 'no'
}

const OPS: ReadonlySet<string> = new Set<ApprovalCommand['op']>(['approvals', 'decide_approval', 'forget_approval'])

/** Whether an order is about calls that wait for the owner. */
export function isApprovalCommand(command: AdminCommand): command is ApprovalCommand {
  return OPS.has(command.op)
}

/** A call that is not to be sent, but answered with what the Worker must know. */
function unjudged(request: CallRequest): CallRequest {
  return { ...request, awaitsJudgement: true, toolsVersion: '', ...(request.bridge === undefined ? {} : { bridge: '' }) }
}
