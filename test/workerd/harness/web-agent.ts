/** An agent with a web app that does only what a test tells it, and keys of a share by which people open that. */
import type { AgentFrame } from '../../../protocol/frame.ts'
import type { WebOpen } from '../../../protocol/web/web-frames.ts'
import { askAsOwner, createShare, type TestShare } from './relay.ts'
import { ScriptedAgent } from './scripted-agent.ts'

const encoder = new TextEncoder()

type Head = Partial<Omit<Extract<AgentFrame, { type: 'web_head' }>, 'type' | 'x'>>

export class WebAgent {
  readonly agent: ScriptedAgent

  constructor(agent: ScriptedAgent) {
    this.agent = agent
  }

  static async connect(share: TestShare): Promise<WebAgent> {
    return new WebAgent(await ScriptedAgent.connect(share, { serves: 'web' }))
  }

  async opened(): Promise<WebOpen> {
    return (await this.agent.expect('web_open')).header
  }

  /** Answers an exchange with a text. */
  answer(x: string, text = 'hello', head: Head = {}): void {
    this.agent.send({ type: 'web_head', x, status: 200, headers: [['content-type', 'text/plain']], ...head })
    const body = encoder.encode(text)
    this.agent.send({ type: 'web_data', x, at: body.length }, body)
    this.agent.send({ type: 'web_end', x })
  }

  /** Answers the next exchange, which is for this response. */
  async serve(
    response: Promise<Response>,
    head: Head = {},
    text?: string,
  ): Promise<{ readonly open: WebOpen; readonly response: Response }> {
    const open = await this.opened()
    this.answer(open.x, text, head)
    return { open, response: await response }
  }

  /** Resolves when the relay says that nobody waits for an exchange any more. */
  async gone(): Promise<void> {
    for (;;) if ((await this.agent.next()).header.type === 'web_gone') return
  }
}

export async function servedApp(members: Readonly<Record<string, unknown>> = {}): Promise<{ share: TestShare; web: WebAgent }> {
  const share = await createShare(members)
  return { share, web: await WebAgent.connect(share) }
}

/** A path key of the share, of which its owner has said so much. */
export async function keyOf(
  share: TestShare,
  policy: object = { access: 'admin' },
): Promise<{ readonly key: string; readonly id: string }> {
  const made: { share_url: string; id: string } = await (
    await askAsOwner('POST', `/api/shares/${share.id}/tokens`, { kind: 'key', policy })
  ).json()
  return { key: /\/k\/([^/]+)/.exec(made.share_url)?.[1] ?? '', id: made.id }
}

export function fieldOf(open: WebOpen, name: string): string | undefined {
  return open.headers.find(([each]) => each === name)?.[1]
}
