/** Every requirement that the tests must show, by id: our promises, and what the revisions of MCP ask of a relay. Data only. */
import { ANSWER_PROMISES } from './promises/answer-promises.ts'
import { CANCELLATION } from './cancellation.ts'
import { CARE_PROMISES } from './promises/care-promises.ts'
import { AGENT_SERVERS } from './agent-servers.ts'
import { FOREIGN_AGENTS } from './foreign-agents.ts'
import { HTTP_SSE } from './http-sse.ts'
import { LIFECYCLE } from './lifecycle.ts'
import { MODERN_HTTP } from './modern-http.ts'
import { MODERN_PATTERNS } from './modern-patterns.ts'
import { RECIPE_PROMISES } from './promises/recipe-promises.ts'
import type { Requirement } from './requirement.ts'
import { ROUTING } from './routing.ts'
import { SEEDS } from './seeds.ts'
import { SERVER_PROMISES } from './promises/server-promises.ts'
import { STDIO } from './stdio.ts'
import { TASK_PROMISES } from './promises/task-promises.ts'
import { STREAMABLE_HTTP } from './streamable-http.ts'
import { UPSTREAM_PROMISES } from './promises/upstream-promises.ts'
import { WEB_PROMISES } from './promises/web-promises.ts'

export const SECTIONS = [
  ...ANSWER_PROMISES,
  ...CARE_PROMISES,
  ...TASK_PROMISES,
  ...WEB_PROMISES,
  ...UPSTREAM_PROMISES,
  ...SERVER_PROMISES,
  ...AGENT_SERVERS,
  ...FOREIGN_AGENTS,
  ...SEEDS,
  ...ROUTING,
  ...RECIPE_PROMISES,
  ...STDIO,
  ...HTTP_SSE,
  ...STREAMABLE_HTTP,
  ...LIFECYCLE,
  ...CANCELLATION,
  ...MODERN_HTTP,
  ...MODERN_PATTERNS,
] as const

type IdIn<T> = T extends { readonly requirements: infer R } ? keyof R : never
export type RequirementId = IdIn<(typeof SECTIONS)[number]>

export function allRequirements(): [id: string, requirement: Requirement][] {
  return SECTIONS.flatMap(({ requirements }) => Object.entries<Requirement>(requirements))
}
