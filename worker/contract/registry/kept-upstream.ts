/** What is kept of a share's upstream: what its owner is shown of it, and all of it in a form that only Workers of this relay read. */

export interface KeptUpstream {
  /** Without what may be secret in it. */
  readonly url: string
  /** Names of what it is told with each request. */
  readonly headers: readonly string[]
  /** URL and headers, encrypted. */
  readonly sealed: string
}

/** `text`: as it is kept, which no one but the relay writes. */
export function readKeptUpstream(text: string): KeptUpstream {
  return JSON.parse(text) as KeptUpstream
}
