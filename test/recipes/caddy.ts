/** Caddy with the recipe, and certificates of its own authority in place of public ones. */
import { mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { until, within } from '../harness/deadline.ts'
import { Program, run } from '../harness/program.ts'
import { portOpen } from '../../bench/contenders/contender.ts'
import { recipe, RECIPE_HOST, RECIPE_RELAY, type ReverseProxy } from './proxy.ts'

export const caddy: ReverseProxy = {
  name: 'Caddy',
  programs: [['caddy', 'version']],
  start: async ({ port, relayPort, folder }) => {
    await mkdir(folder)
    const storage = join(folder, 'storage')
    const own = `{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system ${storage}\n}\n`
    const file = join(folder, 'Caddyfile')
    const site = await recipe('caddy/Caddyfile', { [RECIPE_HOST]: `localhost:${port}`, [RECIPE_RELAY]: `127.0.0.1:${relayPort}` })
    await writeFile(file, own + site)
    const args = ['--config', file, '--adapter', 'caddyfile']
    const env = { HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder }
    const checked = await run('caddy', ['validate', ...args], { env })
    if (checked.code !== 0) throw new Error(`caddy validate: ${checked.stderr}`)
    const program = new Program('caddy', ['run', ...args], { env })
    const authorityFile = join(storage, 'pki/authorities/local/root.crt')
    await within(portOpen(port), 'Caddy to listen')
    await until(() => existsSync(authorityFile), 'the certificate of its authority')
    return { authorityFile, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
  },
}
