/** Turns wrangler.toml into workerd's own configuration, so that one file describes the deployed relay and the self-hosted one. No I/O. */
import { parse, type TomlTable, type TomlValue } from 'smol-toml'

/** The part of wrangler.toml that decides how the Worker runs. */
export interface RelayConfig {
  readonly name: string
  readonly main: string
  readonly compatibilityDate: string
  readonly compatibilityFlags: readonly string[]
  readonly objects: readonly { readonly binding: string; readonly className: string }[]
  readonly sqliteClasses: readonly string[]
  readonly vars: Readonly<Record<string, string>>
}

/** Keys that only matter to a deployment, or name services that the relay can do without. */
const DEPLOYMENT_KEYS = [
  '$schema',
  'account_id',
  'minify',
  'workers_dev',
  'preview_urls',
  'routes',
  'route',
  'observability',
  'placement',
  'limits',
  'ratelimits',
  'analytics_engine_datasets',
  'keep_vars',
]
const USED_KEYS = ['name', 'main', 'compatibility_date', 'compatibility_flags', 'durable_objects', 'migrations', 'vars']

/**
 * Reads wrangler.toml.
 *
 * @throws {Error} when a value is missing or of the wrong type, or when there is a setting that workerd would not get:
 * better no start than a relay that behaves unlike the deployed one.
 */
export function readWranglerToml(text: string): RelayConfig {
  const toml = parse(text)
  const unknown = Object.keys(toml).find((key) => !USED_KEYS.includes(key) && !DEPLOYMENT_KEYS.includes(key))
  if (unknown !== undefined) throw new Error(`wrangler.toml: selfhost/config.ts does not know "${unknown}"; add it there`)
  const bindings = tables(table(toml['durable_objects'] ?? {}, 'durable_objects')['bindings'] ?? [], 'durable_objects.bindings')
  const migrations = tables(toml['migrations'] ?? [], 'migrations')
  return {
    name: string(toml['name'], 'name'),
    main: string(toml['main'], 'main'),
    compatibilityDate: string(toml['compatibility_date'], 'compatibility_date'),
    compatibilityFlags: strings(toml['compatibility_flags'] ?? [], 'compatibility_flags'),
    objects: bindings.map((entry) => ({ binding: string(entry['name'], 'name'), className: string(entry['class_name'], 'class_name') })),
    sqliteClasses: migrations.flatMap((entry) => strings(entry['new_sqlite_classes'] ?? [], 'new_sqlite_classes')),
    vars: Object.fromEntries(Object.entries(table(toml['vars'] ?? {}, 'vars')).map(([name, value]) => [name, string(value, name)])),
  }
}

export interface ConfigOptions {
  /** `host:port` that workerd listens on; port 0 is any free one. */
  readonly address: string
  /** File of the bundled Worker, relative to the configuration file. */
  readonly bundle: string
  /** Variables that the Worker gets from workerd's environment, so that no secret is in the file. */
  readonly fromEnvironment: readonly string[]
  /** Shares may point at servers on this machine and in its networks, where workerd else connects to public addresses only. */
  readonly allowsPrivateUpstreams?: boolean
}

/** The network by which such servers are reached, and the binding by which the Worker knows that there is one (worker/env.ts). */
const UPSTREAM_NETWORK = 'upstream-network'
const UPSTREAM_BINDING = 'UPSTREAM_NETWORK'

/** Name under which the folder of the objects' data is given to workerd with `--directory-path`. */
export const STORAGE_DISK = 'storage'

/**
 * Where V8 first looks for garbage, in MiB of its heap. By itself it waits for some 25, and what a request leaves holds more
 * memory outside of that heap than in it. What the limit becomes after that is V8's own choice.
 */
const V8_FLAGS = ['--initial-old-space-size=8']

/** The configuration in Cap'n Proto's text form. */
export function toWorkerdConfig(config: RelayConfig, options: ConfigOptions): string {
  const bindings = [
    ...config.objects.map(({ binding, className }) => `(name = ${quote(binding)}, durableObjectNamespace = ${quote(className)})`),
    ...Object.entries(config.vars)
      .filter(([name]) => !options.fromEnvironment.includes(name))
      .map(([name, value]) => `(name = ${quote(name)}, text = ${quote(value)})`),
    ...options.fromEnvironment.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
  ]
  if (options.allowsPrivateUpstreams === true) bindings.push(`(name = ${quote(UPSTREAM_BINDING)}, service = ${quote(UPSTREAM_NETWORK)})`)
  const networks =
    options.allowsPrivateUpstreams === true
      ? `\n    (name = ${quote(UPSTREAM_NETWORK)}, network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),`
      : ''
  // The unique key is part of every object's identity on disk: it must never change.
  const namespaces = config.sqliteClasses.map(
    (className) => `(className = ${quote(className)}, uniqueKey = ${quote(`${config.name}-${className}`)}, enableSql = true)`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  v8Flags = ${list(V8_FLAGS.map(quote))},
  services = [
    (name = "relay", worker = .relay),
    (name = ${quote(STORAGE_DISK)}, disk = (path = "../storage", writable = true)),${networks}
  ],
  sockets = [(name = "http", address = ${quote(options.address)}, http = (), service = "relay")],
);

const relay :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${quote(options.bundle)})],
  compatibilityDate = ${quote(config.compatibilityDate)},
  compatibilityFlags = ${list(config.compatibilityFlags.map(quote))},
  bindings = ${list(bindings)},
  durableObjectNamespaces = ${list(namespaces)},
  durableObjectStorage = (localDisk = ${quote(STORAGE_DISK)}),
);
`
}

/** A text literal. JSON's escapes are a part of Cap'n Proto's, but for \\u. */
function quote(text: string): string {
  if (/\p{Cc}/u.test(text)) throw new Error('a configured text has a control character')
  return JSON.stringify(text)
}

function list(entries: readonly string[]): string {
  return entries.length === 0 ? '[]' : `[\n    ${entries.join(',\n    ')},\n  ]`
}

function string(value: TomlValue | undefined, name: string): string {
  if (typeof value !== 'string') throw new Error(`wrangler.toml: ${name} must be a text`)
  return value
}

function strings(value: TomlValue, name: string): string[] {
  if (!Array.isArray(value)) throw new Error(`wrangler.toml: ${name} must be a list`)
  return value.map((entry) => string(entry, name))
}

function table(value: TomlValue, name: string): TomlTable {
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Date) throw new Error(`wrangler.toml: ${name} must be a table`)
  return value
}

function tables(value: TomlValue, name: string): TomlTable[] {
  if (!Array.isArray(value)) throw new Error(`wrangler.toml: ${name} must be a list of tables`)
  return value.map((entry) => table(entry, name))
}
