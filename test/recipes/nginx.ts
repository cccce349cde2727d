/** nginx with the recipe in a configuration of its own, whose folders any user may write. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { within } from '../harness/deadline.ts'
import { Program, run } from '../harness/program.ts'
import { portOpen } from '../../bench/contenders/contender.ts'
import { recipe, RECIPE_HOST, RECIPE_RELAY, type ReverseProxy } from './proxy.ts'

/** Folders that nginx makes for its modules, those that it was built with. */
async function scratchFolders(folder: string): Promise<string> {
  const { stderr } = await run('nginx', ['-V'])
  const modules = ['proxy', 'fastcgi', 'uwsgi', 'scgi'].filter((name) => !stderr.includes(`--without-http_${name}_module`))
  return ['client_body', ...modules].map((name) => `${name}_temp_path ${join(folder, name)};`).join(' ')
}

export const nginx: ReverseProxy = {
  name: 'nginx',
  programs: [
    ['nginx', '-v'],
    ['openssl', 'version'],
  ],
  start: async ({ port, relayPort, folder }) => {
    await mkdir(folder)
    const [key, certificate, log, main] = ['key.pem', 'certificate.pem', 'error.log', 'nginx.conf'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ]
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
    const made = await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, ...subject])
    if (made.code !== 0) throw new Error(made.stderr)
    const site = await recipe('nginx/mcp-edge.conf', {
      'listen 443 ssl': `listen 127.0.0.1:${port} ssl`,
      [RECIPE_HOST]: 'localhost',
      [RECIPE_RELAY]: `127.0.0.1:${relayPort}`,
      '/etc/ssl/mcp-edge/fullchain.pem': certificate,
      '/etc/ssl/mcp-edge/privkey.pem': key,
      '/var/log/nginx/error.log': log,
    })
    await writeFile(join(folder, 'site.conf'), site)
    const user = process.getuid?.() === 0 ? 'user root;' : ''
    const http = `${await scratchFolders(folder)} include ${join(folder, 'site.conf')};`
    const pid = join(folder, 'nginx.pid')
    await writeFile(main, `${user} daemon off; pid ${pid}; error_log ${log} crit; events {} http { ${http} }\n`)
    const checked = await run('nginx', ['-t', '-c', main])
    if (checked.code !== 0) throw new Error(`nginx -t: ${checked.stderr}`)
    const program = new Program('nginx', ['-c', main])
    await within(portOpen(port), 'nginx to listen')
    return { authorityFile: certificate, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() }
  },
}
