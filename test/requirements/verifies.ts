/** Marks what a test proves, by ids of the ledger. It does nothing when it runs: test/requirements/proofs.ts reads it from the source. */
import type { RequirementId } from './ledger.ts'

/**
 * Stands first in the body of a test, for that test; first in the body of a `describe`, or behind the imports of a file,
 * for all tests there. An id that the ledger has not does not compile; any other place fails the ledger's own test.
 */
export function verifies(..._ids: readonly [RequirementId, ...RequirementId[]]): void {}
