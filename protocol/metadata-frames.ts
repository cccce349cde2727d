/** Frames by which a relay asks what a server says of where its clients sign in. Types only. */

/** What does the server's resource metadata say (RFC 9728)? Only to an agent whose hello passes credentials on. */
export interface MetadataAsk {
  readonly type: 'metadata_ask'
  /** 32 hex digits, echoed. */
  readonly key: string
}

/** The server's resource metadata, as the body: a JSON object of at most MAX_RESOURCE_METADATA_BYTES. Without a body there is none to give, for the reason in `lacks`. */
export interface Metadata {
  readonly type: 'metadata'
  readonly key: string
  /** `metadata`: the server has none. `issuer`: nobody else than the server itself signs its clients in. `server`: it could not be asked. */
  readonly lacks?: 'metadata' | 'issuer' | 'server'
}
