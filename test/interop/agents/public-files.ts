/** Files of programs that are in no package registry: taken from their public repositories at a pinned commit when a proof runs, into a cache, and never into this project. */
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { NotInstallable } from '../proof.ts'
import { BUILD_CACHE } from '../toolchains.ts'

/** Where files of a repository are, as `<origin>/<owner>/<name>/<commit>/<path>`. */
const ORIGIN = process.env['INTEROP_FILES'] ?? 'https://raw.githubusercontent.com'
const FETCH_MS = 30_000

/**
 * The file's place in the cache.
 *
 * @param repository `<owner>/<name>@<commit>`, with the whole of the commit's hash.
 * @throws NotInstallable when it cannot be had.
 */
export async function publicFile(repository: string, path: string): Promise<string> {
  const at = repository.replace('@', '/')
  const file = join(BUILD_CACHE, at, path)
  if (existsSync(file)) return file
  const response = await fetch(`${ORIGIN}/${at}/${path}`, { signal: AbortSignal.timeout(FETCH_MS) }).catch((error: unknown) => {
    throw new NotInstallable(`${repository} is in no package registry, and ${ORIGIN} cannot be reached: ${String(error)}`)
  })
  if (!response.ok) throw new NotInstallable(`${ORIGIN} answers ${response.status} for ${path} of ${repository}`)
  const text = await response.text()
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  return file
}
