/** Bundles the Worker into one module for workerd. */
import { build, stop } from 'esbuild'

/**
 * Writes one ES module with everything the Worker imports.
 *
 * @throws {Error} with esbuild's messages when the Worker does not build.
 */
export async function bundleWorker(entryFile: string, outFile: string): Promise<void> {
  await build({
    entryPoints: [entryFile],
    outfile: outFile,
    bundle: true,
    format: 'esm',
    target: 'es2024',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    logLevel: 'silent',
  })
  // Without this, esbuild's own process stays until this one ends.
  await stop()
}
