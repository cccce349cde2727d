/** Tells when a configuration file has changed, also when an editor puts another in its place. */
import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { CONFIG_SETTLE_MS } from '../limits.ts'

/** `changed` is told once it has been left alone for CONFIG_SETTLE_MS. `failed`: it cannot be watched, or not any more. */
export function watchFile(path: string, changed: () => void, failed: (reason: string) => void): () => void {
  let timer: NodeJS.Timeout | undefined
  try {
    // The folder: a file that is replaced is another one.
    const watcher = watch(dirname(path), (_event, name) => {
      // Mounted configuration is a link to a folder that is replaced, and its name tells nothing.
      if (name !== null && name !== basename(path) && !name.startsWith('..')) return
      clearTimeout(timer)
      timer = setTimeout(changed, CONFIG_SETTLE_MS)
    })
    watcher.on('error', (error) => failed(error.message))
    return () => {
      clearTimeout(timer)
      watcher.close()
    }
  } catch (error) {
    failed(error instanceof Error ? error.message : String(error))
    return () => {}
  }
}
