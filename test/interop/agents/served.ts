/** What the proofs of agents of other makes have in common: a share is served, and two clients whose ids are equal get each their own answers. */
import { toolText } from '../../harness/json.ts'
import type { Share } from '../../harness/selfhost.ts'
import type { TestClient } from '../../harness/test-client.ts'

export async function untilServed({ relay, id }: Share): Promise<void> {
  for (;;) {
    const response = await relay.api('GET', `shares/${id}`)
    const { agents } = (await response.json()) as { agents?: unknown[] }
    if ((agents ?? []).length > 0) return
  }
}

/** Both begin to count their ids at the same number. `tell`: what a call is made with, and what it must answer. */
export async function proveApart(
  clients: readonly TestClient[],
  tool: string,
  tell: (text: string) => { readonly args: Record<string, unknown>; readonly answer: string },
  count: number,
): Promise<void> {
  const calls = clients.flatMap((client, who) =>
    Array.from({ length: count }, async (_, at) => {
      const { args, answer } = tell(`${who}${at}`)
      const told = toolText(await client.callTool(tool, args))
      if (!told.includes(answer)) throw new Error(`answers crossed: ${told} in place of ${answer}`)
    }),
  )
  await Promise.all(calls)
}
