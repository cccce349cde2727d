/** Scenarios that no relay between the eras can pass, each with its proof. One that passes after all is reported as an error. */

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
]
