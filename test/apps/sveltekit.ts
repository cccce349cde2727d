/** SvelteKit: a form action of its server, which refuses posts of any other origin than the one that it is asked under. */
import { join } from 'node:path'
import { NODE } from '../harness/program.ts'
import { StateFolder } from '../harness/selfhost.ts'
import { install } from '../interop/npm-packages.ts'
import type { Proof } from '../interop/proof.ts'
import { needsBrowser } from './browser.ts'
import { withApp, writeProject } from './served-app.ts'

const PACKAGES = ['vite@8.3.8', 'svelte@5.57.3', '@sveltejs/kit@3.2.0', '@sveltejs/vite-plugin-svelte@7.3.1']

const PAGE = `<script>
  let { data, form } = $props()
</script>
<p id="from">{data.from}</p>
<p id="said">{form?.said ?? ''}</p>
<form method="POST"><input name="word" value="hello"><button>say</button></form>
`

const FILES = {
  'vite.config.js': "import { sveltekit } from '@sveltejs/kit/vite'\nexport default { plugins: [sveltekit()] }\n",
  'src/app.html': '<!doctype html><html lang="en"><head>%sveltekit.head%</head><body><div>%sveltekit.body%</div></body></html>\n',
  'src/routes/+page.svelte': PAGE,
  'src/routes/+page.server.js':
    "export const load = () => ({ from: 'the server' })\nexport const actions = { default: async ({ request }) => ({ said: String((await request.formData()).get('word')) }) }\n",
}

export const svelteKitProofs: readonly Proof[] = [
  {
    name: 'SvelteKit 3: a page of its server, and a form action, which wants its own origin',
    needs: needsBrowser,
    run: async (relay) => {
      await using folder = await StateFolder.create()
      const root = folder.path
      await install(root, PACKAGES)
      await writeProject(root, FILES)
      const args = (port: number): string[] => [
        join(root, 'node_modules/vite/bin/vite.js'),
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--strictPort',
      ]
      await withApp(relay, { command: NODE, args, options: { cwd: root } }, async ({ browser }) => {
        await browser.until(`document.querySelector('#from')?.textContent === 'the server'`, 'the page of the server')
        await browser.evaluate(`document.querySelector('form').submit()`)
        await browser.until(`document.querySelector('#said')?.textContent === 'hello'`, 'the answer of the form action')
      })
    },
  },
]
