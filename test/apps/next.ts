/** Next.js in development: a page of its server, hydrated, with a server action, an API route and hot reload. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NODE } from '../harness/program.ts'
import { StateFolder } from '../harness/selfhost.ts'
import { install } from '../interop/npm-packages.ts'
import type { Proof } from '../interop/proof.ts'
import { needsBrowser } from './browser.ts'
import { withApp, writeProject } from './served-app.ts'

const PACKAGES = ['next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1']

const COUNTER = (label: string): string => `'use client'
import { useState } from 'react'
import { add } from './actions.js'
export function Counter() {
  const [count, setCount] = useState(0)
  return (
    <>
      <button id="more" onClick={() => setCount(count + 1)}>${label} {count}</button>
      <button id="add" onClick={async () => setCount(await add(count, 40))}>add</button>
    </>
  )
}
`

const FILES = {
  'app/layout.jsx': 'export default ({ children }) => <html lang="en"><body>{children}</body></html>\n',
  'app/page.jsx': 'import { Counter } from \'./counter.jsx\'\nexport default () => <main><p id="from">the server</p><Counter /></main>\n',
  'app/counter.jsx': COUNTER('count'),
  'app/actions.js': "'use server'\nexport async function add(a, b) {\n  return a + b\n}\n",
  'app/api/hello/route.js': 'export const POST = async (request) => Response.json({ got: await request.json() })\n',
}

export const nextProofs: readonly Proof[] = [
  {
    name: 'Next.js 16: pages, server actions, API routes and hot reload of its dev server',
    needs: needsBrowser,
    run: async (relay) => {
      await using folder = await StateFolder.create()
      const root = folder.path
      await install(root, PACKAGES)
      await writeProject(root, FILES)
      const args = (port: number): string[] => [
        join(root, 'node_modules/next/dist/bin/next'),
        'dev',
        root,
        '--hostname',
        '127.0.0.1',
        '--port',
        String(port),
      ]
      const env = { NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'development' }
      await withApp(relay, { command: NODE, args, options: { cwd: root, env } }, async ({ browser }) => {
        await browser.until(`document.querySelector('#from')?.textContent === 'the server'`, 'the page of the server')
        // Until it is hydrated nothing counts clicks.
        await browser.until(
          `(document.querySelector('#more').click(), /count [1-9]/.test(document.querySelector('#more').textContent))`,
          'the page to be hydrated',
        )
        const before = Number(await browser.evaluate(`document.querySelector('#more').textContent.replace(/\\D/g, '')`))
        await browser.evaluate(`document.querySelector('#add').click()`)
        await browser.until(`document.querySelector('#more').textContent === 'count ${before + 40}'`, 'the server action')
        const posted = `fetch('/api/hello', { method: 'POST', body: JSON.stringify({ a: 1 }) }).then((response) => response.text())`
        const told = await browser.evaluate(posted)
        if (told !== '{"got":{"a":1}}') throw new Error(`the API route answers ${String(told)}`)
        await browser.evaluate('window.isOfBefore = true')
        await writeFile(join(root, 'app/counter.jsx'), COUNTER('counted'))
        await browser.until(`document.querySelector('#more').textContent.startsWith('counted')`, 'the edited component')
        if ((await browser.evaluate('window.isOfBefore')) !== true) throw new Error('the page was loaded anew')
      })
    },
  },
]
