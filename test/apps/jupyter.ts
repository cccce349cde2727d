/** JupyterLab: its page, a kernel that computes over its WebSocket, and a file that is saved; all with its own cookies and its own token. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StateFolder } from '../harness/selfhost.ts'
import type { Proof } from '../interop/proof.ts'
import { fetched, needsUv } from '../interop/uv.ts'
import { needsBrowser } from './browser.ts'
import { withApp } from './served-app.ts'

const PACKAGES = ['jupyterlab==4.6.6', 'ipykernel']
const TOKEN = 'a-token-of-the-notebook'

/** Runs code in a new kernel, as the notebook's own page does: over the WebSocket of its channels. */
const RUN = `(async () => {
  const xsrf = /_xsrf=([^;]*)/.exec(document.cookie)?.[1] ?? ''
  const ask = (method, path, body) => fetch(path, { method, headers: { 'x-xsrftoken': xsrf, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const started = await ask('POST', '/api/kernels', { name: 'python3' })
  if (started.status !== 201) throw new Error('kernels: ' + started.status + ' ' + (await started.text()).slice(0, 300))
  const { id } = await started.json()
  const session = crypto.randomUUID()
  const socket = new WebSocket(location.origin.replace('http', 'ws') + '/api/kernels/' + id + '/channels?session_id=' + session)
  const header = { msg_id: crypto.randomUUID(), msg_type: 'execute_request', username: '', session, date: new Date().toISOString(), version: '5.3' }
  const content = { code: 'print(6 * 7)', silent: false, store_history: false, user_expressions: {}, allow_stdin: false }
  const output = await new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error('the WebSocket failed'))
    socket.onclose = ({ code }) => reject(new Error('the WebSocket closed with ' + code))
    socket.onopen = () => socket.send(JSON.stringify({ channel: 'shell', header, parent_header: {}, metadata: {}, content, buffers: [] }))
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data)
      if (message.header.msg_type === 'stream') resolve(message.content.text.trim())
    }
  })
  const saved = await ask('PUT', '/api/contents/note.txt', { type: 'file', format: 'text', content: 'saved ' + output })
  if (saved.status !== 201) throw new Error('contents: ' + saved.status)
  await ask('DELETE', '/api/kernels/' + id)
  return output
})()`

export const jupyterProofs: readonly Proof[] = [
  {
    name: 'JupyterLab 4.6: its page, a kernel over its WebSocket, and a file that is saved',
    needs: async () => (await needsBrowser()) ?? (await needsUv()),
    run: async (relay) => {
      await using folder = await StateFolder.create()
      const [root, config] = [join(folder.path, 'notebooks'), join(folder.path, 'config')]
      await mkdir(root)
      const base = ['run', '-q', '--no-project', ...PACKAGES.flatMap((name) => ['--with', name]), 'python']
      await fetched(['uv', ...base, 'none'])
      const args = (port: number): string[] => [
        ...base,
        '-m',
        'jupyterlab',
        '--no-browser',
        '--allow-root',
        '--ip=127.0.0.1',
        `--port=${port}`,
        '--ServerApp.port_retries=0',
        `--ServerApp.root_dir=${root}`,
        `--IdentityProvider.token=${TOKEN}`,
      ]
      const env = {
        JUPYTER_CONFIG_DIR: config,
        JUPYTER_DATA_DIR: join(folder.path, 'data'),
        JUPYTER_RUNTIME_DIR: join(folder.path, 'run'),
        JUPYTERLAB_SETTINGS_DIR: join(folder.path, 'settings'),
      }
      await withApp(relay, { command: 'uv', args, options: { cwd: root, env } }, async ({ browser, origin }) => {
        // Its own sign-in stands behind ours.
        await browser.until(`location.pathname.startsWith('/login')`, "the program's own sign-in")
        await browser.open(`${origin}/lab?token=${TOKEN}`)
        await browser.until(`document.querySelector('#jp-main-dock-panel, .jp-LabShell')`, 'the page of the notebook')
        const output = await browser.evaluate(RUN)
        if (output !== '42') throw new Error(`the kernel has printed ${String(output)}`)
        const saved = await readFile(join(root, 'note.txt'), 'utf8')
        if (saved !== 'saved 42') throw new Error(`the file has ${saved}`)
      })
    },
  },
]
