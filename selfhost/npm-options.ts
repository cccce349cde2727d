/** Options that npm took for its own, since the two dashes before them were forgotten. No I/O. */
import type { Variables } from '../agent/config/environment.ts'
import { isLoopbackHost } from './address.ts'

/**
 * The arguments of `npm start` as they were meant. npm hands an option that stands before `--` to its scripts as a
 * variable, without the word behind it. `json` is an option of npm itself, and means the same there.
 */
export function readNpmOptions(env: Variables, names: readonly string[]): { readonly isJson: boolean; readonly lost: readonly string[] } {
  if (env['npm_lifecycle_event'] !== 'start') return { isJson: false, lost: [] }
  const given = (name: string): string => env[`npm_config_${name.replaceAll('-', '_')}`] ?? ''
  return { isJson: given('json') === 'true', lost: names.filter((name) => name !== 'json' && given(name) !== '') }
}

/**
 * The web app that was most likely meant where npm was told `--http <url>` without the two dashes: npm takes that for its own `--https-proxy`.
 * Whether it was, or is how npm is set up on this machine, nobody can tell; so it is a reason to warn, and none to refuse.
 */
export function mistakenWebApp(env: Variables): string | undefined {
  const taken = env['npm_config_https_proxy'] ?? ''
  if (env['npm_lifecycle_event'] !== 'start' || taken === env['HTTPS_PROXY'] || taken === env['https_proxy']) return undefined
  const hostname = URL.parse(taken)?.hostname ?? ''
  return isLoopbackHost(hostname.replace(/^\[|\]$/g, '')) ? taken : undefined
}
