/** The environment of the user who has called npm, without the folders that npm puts before their PATH for its scripts. Pure. */
import type { Variables } from '../agent/config/environment.ts'

/** What npm puts there: the commands of the project and of every folder above it, and its own node-gyp. */
const OF_NPM = /[\\/](?:node_modules[\\/]\.bin|node-gyp-bin)[\\/]?$/

/** So that a server runs with its owner's own Node and commands, as it does by hand. */
export function userEnvironment(env: Variables, separator: string): Variables {
  if (env['npm_lifecycle_event'] === undefined) return env
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) =>
      name.toUpperCase() === 'PATH' ? [name, withoutNpm(value ?? '', separator)] : [name, value],
    ),
  )
}

function withoutNpm(path: string, separator: string): string {
  const folders = path.split(separator)
  const own = folders.findIndex((folder) => !OF_NPM.test(folder))
  return folders.slice(own === -1 ? folders.length : own).join(separator)
}
