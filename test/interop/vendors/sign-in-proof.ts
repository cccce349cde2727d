/** Proves that a vendor's command line says that a share needs signing in, gets through it with a scripted browser, and connects then. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { within } from '../../harness/deadline.ts'
import { consent } from '../../harness/sign-in/scripted-browser.ts'
import { type CommandLine, lineWith } from './command-line.ts'
import { Home } from './home.ts'
import { SERVER_NAME } from './model-api.ts'
import { ScriptedModel } from './scripted-model.ts'
import { ServedShare } from './served-share.ts'

/** Until it opens a page, and from there to its end: it starts slowly on a busy machine. */
const STEP_MS = 60_000
const POLL_MS = 250
const PAGE = /https?:\/\/\S+\/authorize\?\S+/

/** Where programs look for the system's browser there is one that notes what it is to open. */
async function fakeBrowser(
  home: string,
): Promise<{ readonly env: Readonly<Record<string, string>>; readonly opened: () => Promise<string> }> {
  const folder = join(home, 'bin')
  const [notes, browser] = [join(home, 'opened'), join(folder, 'xdg-open')]
  await mkdir(folder)
  await writeFile(notes, '')
  await writeFile(browser, `#!/bin/sh\necho "$@" >> '${notes}'\n`)
  await chmod(browser, 0o755)
  const look = async (): Promise<string> => {
    for (;;) {
      const page = PAGE.exec(await readFile(notes, 'utf8'))?.[0]
      if (page !== undefined) return page
      await delay(POLL_MS)
    }
  }
  const env = { PATH: `${folder}:${process.env['PATH']}`, BROWSER: browser, DISPLAY: ':0' }
  return { env, opened: () => within(look(), 'the page that it opens', STEP_MS) }
}

export async function proveSignIn(commandLine: CommandLine): Promise<void> {
  const { before, args, typed } = commandLine.signIn
  await using served = await ServedShare.start()
  await using model = await ScriptedModel.start(commandLine.api)
  await using home = await Home.create(commandLine, { transport: 'http', url: served.url, bearer: undefined, signsIn: true }, model.url)
  const line = lineWith(await home.run(['mcp', 'list']), new RegExp(`${SERVER_NAME}.*${before.source}`))
  console.log(`before: ${line.replace(/https?:\S+/, '…')}`)
  const { env, opened } = await fakeBrowser(home.home)
  await using program = home.startInTerminal(args, env)
  if (typed !== undefined) {
    await program.stdout.find((text) => (text.includes('Starting OAuth') ? text : undefined), 'its question', STEP_MS)
    await delay(POLL_MS)
    program.writeLine(typed)
  }
  await (await fetch(await consent(await opened(), await served.invite()))).text()
  await within(program.exited, 'its end', STEP_MS)
  console.log(`after: ${await commandLine.connected(home)}`)
}
