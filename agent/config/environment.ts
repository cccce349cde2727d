/** Builds the environment of a server process: allow-listed variables of the agent's process and those that the user named, never an `MCP_EDGE_` one, nor the token under another name. Pure. */
import { TOKEN_SHAPES } from '../../protocol/token-shapes.ts'
import { usageError } from '../exit.ts'
import { Faults } from './faults.ts'

/** What programs need: where programs, users, language, certificates and proxies are. */
const ALLOWED = names(`
  PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TMPDIR TERM XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR
  NODE_EXTRA_CA_CERTS SSL_CERT_FILE SSL_CERT_DIR HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY`)
const ALLOWED_WINDOWS = names(`
  APPDATA COMSPEC HOMEDRIVE HOMEPATH LOCALAPPDATA NUMBER_OF_PROCESSORS OS PATHEXT PROCESSOR_ARCHITECTURE PROGRAMDATA
  PROGRAMFILES PROGRAMFILES(X86) PROGRAMW6432 PUBLIC SYSTEMDRIVE SYSTEMROOT TEMP TMP USERDOMAIN USERNAME USERPROFILE WINDIR`)
/** Ours, and the token under its other name. */
const OURS = /^(?:MCP_EDGE_|REVERSE_PROXY_TOKEN$)/i

export type Variables = Readonly<Record<string, string | undefined>>

/**
 * The child's environment. `own` is the agent's; `extra` holds `KEY=VALUE`, or `KEY` alone to pass the agent's own value.
 *
 * @throws {RangeError} that names the entry, when a key is empty or an `MCP_EDGE_` one.
 */
export function childEnvironment(own: Variables, extra: readonly string[], platform: NodeJS.Platform): Record<string, string> {
  const windows = platform === 'win32'
  const child: Record<string, string> = {}
  for (const [name, value] of Object.entries(own)) {
    const known = name.toUpperCase()
    const allowed = windows
      ? ALLOWED.has(known) || ALLOWED_WINDOWS.has(known)
      : ALLOWED.has(name) || name.startsWith('LC_') || /^(https?|no|all)_proxy$/.test(name)
    if (value !== undefined && allowed) child[name] = value
  }
  for (const entry of extra) {
    const { name, value } = variable(entry, own)
    if (value !== undefined) child[name] = value
  }
  return child
}

/**
 * The same for one run of the agent.
 *
 * @throws {AgentExit} that names each variable that is wrong, a line each.
 */
export function environmentOf(env: readonly string[], own: Variables, platform: NodeJS.Platform): Record<string, string> {
  const faults = new Faults()
  const made = (extra: readonly string[]): Record<string, string> => {
    try {
      return childEnvironment(own, extra, platform)
    } catch (error) {
      if (error instanceof RangeError) throw usageError(`${error.message}.`)
      throw error
    }
  }
  // Each by itself, so that each that is wrong is named.
  for (const entry of env) faults.collect(() => made([entry]))
  faults.throwAny()
  return made(env)
}

/** Variables whose values are secrets, by their names. `PWD` alone is where the server runs. */
const SECRET_NAME = /TOKEN|SECRET|KEY|PASS|CREDENTIAL|COOKIE|BEARER|_PWD$|(?:^|_)(?:AUTH|PAT|DSN|JWT)(?:_|$)/i
const URL_PASSWORD = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*?:([^/?#]+)@/i
/** Of ADO.NET, ODBC and libpq. */
const NAMED_PASSWORD = /(?:^|[;\s&?])(?:password|passwd|pwd)\s*=\s*(?:"([^"]+)"|'([^']+)'|([^;\s&]+))/i

/**
 * What of a child's variables its clients may not see: values of those that are named like secrets, connection strings with
 * a password, which is one by itself too, and in any other what has the shape of a known token.
 */
export function environmentSecrets(child: Variables): string[] {
  return Object.entries(child).flatMap(([name, value = '']) => {
    const passwords = passwordsIn(value)
    if (passwords.length > 0 || SECRET_NAME.test(name)) return [value, ...passwords]
    return TOKEN_SHAPES.flatMap((shape) => value.match(shape) ?? [])
  })
}

/** The password of a connection string, as it stands there and as it is meant. */
function passwordsIn(text: string): string[] {
  const inUrl = URL_PASSWORD.exec(text)?.[1]
  const [, ...named] = NAMED_PASSWORD.exec(text) ?? []
  return [inUrl, inUrl === undefined ? undefined : percentDecoded(inUrl), ...named].filter((password) => password !== undefined)
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The values among a child's variables that no log may show: all that the user named, and proxy URLs with credentials. */
export function secretValues(own: Variables, extra: readonly string[]): string[] {
  const named = extra.flatMap((entry) => variable(entry, own).value ?? [])
  const proxies = Object.entries(own).flatMap(([name, value]) => (/_proxy$/i.test(name) && value?.includes('@') === true ? [value] : []))
  return [...named, ...proxies]
}

function names(text: string): ReadonlySet<string> {
  return new Set(text.split(/\s+/).filter((name) => name !== ''))
}

function variable(entry: string, own: Variables): { name: string; value: string | undefined } {
  const equals = entry.indexOf('=')
  const name = equals === -1 ? entry : entry.slice(0, equals)
  if (!/^[^\s=]+$/.test(name)) throw new RangeError('--env takes KEY=VALUE or KEY')
  if (OURS.test(name)) throw new RangeError(`--env ${name}: variables of the agent are not for its servers`)
  return { name, value: equals === -1 ? own[name] : entry.slice(equals + 1) }
}
