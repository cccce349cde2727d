/** Vite's dev server: a page of modules, and a module that is edited and comes into the open page without a reload. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NODE } from '../harness/program.ts'
import { StateFolder } from '../harness/selfhost.ts'
import { install } from '../interop/npm-packages.ts'
import type { Proof } from '../interop/proof.ts'
import { needsBrowser } from './browser.ts'
import { withApp, writeProject } from './served-app.ts'

const PACKAGES = ['vite@8.3.8']

const GREETING = (text: string): string => `export const greeting = '${text}'\n`

/** Takes its one dependency anew by itself, so that nothing but that is replaced. */
const MAIN = `import { greeting } from './greeting.js'
import './style.css'
const show = (text) => (document.querySelector('#out').textContent = text)
show(greeting)
if (import.meta.hot) import.meta.hot.accept('./greeting.js', (next) => show(next.greeting))
`

const FILES = {
  'index.html': '<!doctype html><title>Vite</title><p id="out"></p><script type="module" src="/main.js"></script>\n',
  'main.js': MAIN,
  'style.css': '#out { color: rgb(1, 2, 3) }\n',
  'greeting.js': GREETING('first'),
}

/** `agentArgs`: with --keep-host the server sees the public host, which it must be told of. */
function viteProof(name: string, agentArgs: readonly string[], config: string): Proof {
  return {
    name,
    needs: needsBrowser,
    run: async (relay) => {
      // What lies below node_modules is not watched.
      await using folder = await StateFolder.create()
      const root = folder.path
      await install(root, PACKAGES)
      await writeProject(root, FILES)
      await writeFile(join(root, 'vite.config.js'), `export default ${config}\n`)
      const args = (port: number): string[] => [
        join(root, 'node_modules/vite/bin/vite.js'),
        root,
        '--host',
        '127.0.0.1',
        '--port',
        String(port),
        '--strictPort',
      ]
      await withApp(
        relay,
        { command: NODE, args, options: { cwd: root } },
        async ({ browser, origin }) => {
          await browser.until(`document.querySelector('#out')?.textContent === 'first'`, 'the page of modules')
          if ((await browser.evaluate('location.href')) !== `${origin}/`) throw new Error('the key is still in the address bar')
          await browser.until(`getComputedStyle(document.querySelector('#out')).color === 'rgb(1, 2, 3)'`, 'its style sheet')
          await browser.evaluate('window.isOfBefore = true')
          // Its socket is up once its client says so.
          while (!browser.said.some((line) => line.includes('[vite] connected')))
            await browser.evaluate('new Promise((r) => setTimeout(r, 50))')
          await writeFile(join(root, 'greeting.js'), GREETING('second'))
          await browser.until(`document.querySelector('#out').textContent === 'second'`, 'the edited module')
          await writeFile(join(root, 'style.css'), '#out { color: rgb(4, 5, 6) }\n')
          await browser.until(`getComputedStyle(document.querySelector('#out')).color === 'rgb(4, 5, 6)'`, 'the edited style sheet')
          if ((await browser.evaluate('window.isOfBefore')) !== true) throw new Error('the page was loaded anew')
        },
        agentArgs,
      )
    },
  }
}

export const viteProofs: readonly Proof[] = [
  viteProof('Vite 8: a dev server with hot reload', [], '{}'),
  viteProof('Vite 8: the same with --keep-host', ['--keep-host'], "{ server: { allowedHosts: ['.localhost'] } }"),
]
