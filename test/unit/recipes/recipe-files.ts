/** What the recipes say, read as their programs read it, and looked up in what the agent and `npm start` take. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Schema } from '@cfworker/json-schema'
import { type Copy, DockerfileParser, type JSONInstruction } from 'dockerfile-ast'
import { agentCommand, parse } from '../../../agent/config/options.ts'
import { type Options, readOptions, usage } from '../../../selfhost/options.ts'

const ROOT = join(import.meta.dirname, '../../..')

export function readRecipe(name: string): string {
  return readFileSync(join(ROOT, 'recipes', name), 'utf8')
}

/** The schema of the Compose Specification, without the format of times, which are Go's (30s) and not those of ISO 8601. */
export function composeSchema(): Schema {
  const text = readFileSync(join(ROOT, 'node_modules/dclint/schemas/compose.schema.json'), 'utf8')
  return JSON.parse(text, (key, value: unknown) => (key === 'format' && value === 'duration' ? undefined : value)) as Schema
}

export function isInCheckout(path: string): boolean {
  return existsSync(join(ROOT, path))
}

/** Whether the images' build gets a path of the checkout at all. */
export function isSentToBuild(path: string): boolean {
  const lines = readFileSync(join(ROOT, '.dockerignore'), 'utf8').split('\n')
  return lines.includes(`!${path.split('/')[0]}`)
}

export interface ImageRecipe {
  /** Of the stages, in order. */
  readonly bases: readonly string[]
  /** What is copied out of the checkout. */
  readonly sources: readonly string[]
  /** Of the last stage. */
  readonly user: string
  readonly entrypoint: readonly string[]
  readonly command: readonly string[]
  readonly volumes: readonly string[]
  readonly ports: readonly string[]
  readonly stopSignal: string
  readonly healthCheck: string
  /** Where the last stage's files lie, by what they are copied from. */
  readonly places: readonly string[]
}

/** Reads `recipes/docker/<name>.Dockerfile`. */
export function imageRecipe(name: string): ImageRecipe {
  const all = DockerfileParser.parse(readRecipe(`docker/${name}.Dockerfile`)).getInstructions()
  const last = all.slice(all.findLastIndex((one) => one.getKeyword() === 'FROM'))
  const words = (keyword: string): string[] =>
    last.filter((one) => one.getKeyword() === keyword).flatMap((one) => one.getArguments().map((word) => word.getValue()))
  const json = (keyword: string): string[] =>
    last
      .filter((one) => one.getKeyword() === keyword)
      .flatMap((one) => (one as JSONInstruction).getJSONStrings().map((text) => String(JSON.parse(text.getValue()))))
  const copies = all.filter((one) => one.getKeyword() === 'COPY') as Copy[]
  const isFromStage = (one: Copy): boolean => one.getFlags().some((flag) => flag.getName() === 'from')
  const values = (one: Copy): string[] => one.getArguments().map((word) => word.getValue())
  return {
    bases: all.filter((one) => one.getKeyword() === 'FROM').map((one) => one.getArguments()[0]?.getValue() ?? ''),
    sources: copies.filter((one) => !isFromStage(one)).flatMap((one) => values(one).slice(0, -1)),
    user: words('USER').at(-1) ?? 'root',
    entrypoint: json('ENTRYPOINT'),
    command: json('CMD'),
    volumes: words('VOLUME'),
    ports: words('EXPOSE'),
    stopSignal: words('STOPSIGNAL')[0] ?? '',
    healthCheck: words('HEALTHCHECK').join(' '),
    places: copies.filter((one) => last.includes(one)).flatMap((one) => values(one).slice(0, -1)),
  }
}

/** What stands behind the program's file in an image's words, or a unit's. */
export function behind(file: string, words: readonly string[]): readonly string[] {
  const at = words.findIndex((word) => word.endsWith(file))
  if (at === -1) throw new Error(`no ${file} in ${words.join(' ')}`)
  return words.slice(at + 1)
}

/** The command of the server that such an agent would start. Throws, naming it, for an option that is none. */
export function agentWords(words: readonly string[]): readonly string[] {
  const command = agentCommand()
  parse(command, words)
  return command.args
}

/** The same of `selfhost/start.ts`. */
export function relayWords(words: readonly string[]): Options {
  return readOptions(words)
}

/** Variables by which the agent is told something. */
export function agentVariables(): readonly string[] {
  return agentCommand().options.flatMap(({ envVar, description }) => envVar ?? /\(env: (\w+)\)/.exec(description)?.[1] ?? [])
}

/** Those of the relay. */
export function relayVariables(): readonly string[] {
  return usage().match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? []
}

/** All values of a setting of a unit or of nginx, in order. */
export function settings(text: string, name: string): string[] {
  return [...text.matchAll(new RegExp(`^\\s*${name}[= ]\\s*(.*?);?$`, 'gm'))].map(([, value = '']) => value)
}
