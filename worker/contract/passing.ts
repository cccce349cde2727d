/** What is asked of a share whose agents pass on what its clients show for the server itself. Types only. */
import type { Metadata } from '../../protocol/metadata-frames.ts'

/** Whether they do; `away` while none is there. */
export type PassingVerdict = 'passes' | 'refuses' | 'away'

/** The server's resource metadata as a JSON text, or why there is none. */
export type PassedMetadata = { readonly json: string } | { readonly lacks: NonNullable<Metadata['lacks']> | 'agent' | 'passing' }
