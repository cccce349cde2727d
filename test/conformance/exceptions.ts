/** Scenarios that no relay can pass, each with its proof. One that passes after all is reported as an error. */

export interface Exception {
  readonly requirements: string
  readonly server: string
  readonly scenario: string
  /** Why the check cannot hold through any bridge. */
  readonly proof: string
}

export const EXCEPTIONS: readonly Exception[] = [
  {
    requirements: '2026-07-28',
    server: 'legacy-server.ts',
    scenario: 'input-required-result-basic-elicitation',
    proof:
      'The suite looks for an entry of inputRequests under the key "user_name". A server of 2025-11-25 asks by elicitation/create, ' +
      'whose params have a message and a schema but no key (schema 2025-11-25, ElicitRequestParams), so every bridge must invent one.',
  },
  {
    requirements: '2026-07-28',
    server: 'tasks-server.ts',
    scenario: 'tasks-status-notifications',
    proof:
      'The suite skips its only check: it looks for notifications/tasks in the answer to tools/call, where SEP-2663 has them on subscriptions/listen. ' +
      'That a listen hears of its own tasks is shown by test/workerd/modern-client/modern-tasks.test.ts.',
  },
]
