/** The official suite's scenarios for authorization servers, at a real relay, with a scripted browser. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asObject, textField } from '../../harness/json.ts'
import { NODE, Program, ROOT } from '../../harness/program.ts'
import { consent } from '../../harness/sign-in/scripted-browser.ts'
import { createShare, startRelay } from '../../harness/selfhost.ts'

const SUITE = join(ROOT, 'node_modules/@modelcontextprotocol/conformance/dist/index.js')
/** Any that is free will do: loopback redirects may have another port than was registered. */
const PORT = 38_123

test('both official scenarios pass', async () => {
  await using relay = await startRelay()
  const share = await createShare(relay)
  const invited = asObject(await (await relay.api('POST', `shares/${share.id}/people`, { name: 'Ann' })).json())
  const issuer = share.url.replace(/\/mcp$/, '')
  const registered = await fetch(`${issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ redirect_uris: [`http://127.0.0.1:${PORT}/callback`], token_endpoint_auth_method: 'none' }),
  })
  const clientId = textField(asObject(await registered.json()), 'client_id')
  const options = ['--url', issuer, '--client-id', clientId, '--resource', share.url, '--port', String(PORT)]
  await using suite = new Program(NODE, [SUITE, 'authorization', ...options])
  const url = await suite.stdout.find((line) => /https?:\/\/\S+\/authorize\?\S+/.exec(line)?.[0], 'the page to open')
  await suite.stdout.find((line) => (line.includes('Callback server started') ? line : undefined), 'whom the code is sent to')
  await (await fetch(await consent(url, textField(invited, 'code')))).text()
  const { code } = await suite.exited
  expect([code, suite.stdout.lines.join('\n')]).toEqual([0, expect.stringContaining('Total: 3 passed, 0 failed')])
})
