/** Bundles the Worker for workerd, the way a deployment would. */
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
  // esbuild's own process would else stay for as long as we do.
  await stop()
}
