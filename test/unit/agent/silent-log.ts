/** A log for tests that do not look at it. */
import type { Log } from '../../../agent/log.ts'

const none = (): void => {}

export const SILENT_LOG: Log = { debug: none, info: none, warn: none, error: none, child: none }
