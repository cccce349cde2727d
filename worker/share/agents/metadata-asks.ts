/** Asks an agent for what its server says of where clients sign in (RFC 9728), where it passes on what they show for it. One question at a time to each agent. */
import type { Metadata } from '../../../protocol/metadata-frames.ts'
import type { PassedMetadata, PassingVerdict } from '../../contract/passing.ts'
import { MAX_RPC_WAIT_MS } from '../../limits.ts'
import { within } from '../../within.ts'
import { type AgentLink, sendFrame } from './agent-link.ts'
import type { AgentLinks } from './links.ts'

interface Question {
  readonly key: string
  readonly answer: Promise<PassedMetadata>
  readonly resolve: (answer: PassedMetadata) => void
}

const decoder = new TextDecoder()

export class MetadataAsks {
  readonly #links: AgentLinks
  readonly #open = new Map<WebSocket, Question>()

  constructor(links: AgentLinks) {
    this.#links = links
  }

  verdict(): PassingVerdict {
    const links = this.#links.withServer()
    if (links.length === 0) return 'away'
    return links.some(({ passesAuth }) => passesAuth) ? 'passes' : 'refuses'
  }

  /** Within MAX_RPC_WAIT_MS. */
  async ask(): Promise<PassedMetadata> {
    const links = this.#links.withServer()
    const link = links.find(({ passesAuth }) => passesAuth)
    if (link === undefined) return { lacks: links.length === 0 ? 'agent' : 'passing' }
    const question = this.#open.get(link.socket) ?? this.#question(link)
    const told = await within(MAX_RPC_WAIT_MS, question.answer)
    if (told === undefined && this.#open.get(link.socket) === question) this.#open.delete(link.socket)
    return told ?? { lacks: 'server' }
  }

  told({ socket }: AgentLink, { key, lacks }: Metadata, body: Uint8Array): void {
    const question = this.#open.get(socket)
    if (question?.key !== key) return
    this.#open.delete(socket)
    question.resolve(lacks === undefined ? { json: decoder.decode(body) } : { lacks })
  }

  /** Its link is gone. */
  lost({ socket }: AgentLink): void {
    this.#open.get(socket)?.resolve({ lacks: 'agent' })
    this.#open.delete(socket)
  }

  #question(link: AgentLink): Question {
    const { promise: answer, resolve } = Promise.withResolvers<PassedMetadata>()
    const question = { key: crypto.randomUUID().replaceAll('-', ''), answer, resolve }
    this.#open.set(link.socket, question)
    sendFrame(link, { type: 'metadata_ask', key: question.key })
    return question
  }
}
