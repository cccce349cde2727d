/** Caps and times of sign-in, with unit and reason. */

/**
 * How long an access token lasts. The Share's gate voids it at once with its person, so that a short life would add little; and some
 * clients never refresh, whose people would have to ask for a new access code each time.
 */
export const ACCESS_TOKEN_MS = 24 * 60 * 60_000

/** How long a refresh token lasts that is not used. Its person's link ends sooner, as a rule. */
export const REFRESH_TOKEN_MS = 30 * 24 * 60 * 60_000

/** How long a refresh that comes again is answered as before: processes of one client that start together ask within seconds. */
export const REFRESH_MEMO_MS = 60_000

/** Such answers that one object keeps in memory, of some 2 KiB each. */
export const MAX_KEPT_REFRESHES = 200

/** Largest request to a token endpoint, in bytes: a client's id, its assertion and a refresh token. */
export const MAX_TOKEN_REQUEST_BYTES = 32 * 1024

/** Largest registration of a client, in bytes: a dozen redirect URIs and texts in some languages. */
export const MAX_REGISTRATION_BYTES = 16 * 1024

/** Longest id of a client, in characters: it holds the redirect URIs, and stands in a URL, of which servers take 8 KiB. */
export const MAX_CLIENT_ID_CHARS = 4096

/** How long a person may take over a consent page. */
export const CONSENT_MS = 10 * 60_000

/** Largest form of a consent page, in bytes: what is asked for, sealed, and an access code. */
export const MAX_CONSENT_BYTES = 32 * 1024

/** How long after a share's end its sign-in looks whether it is gone for good: as long as the registry remembers it. */
export const SIGN_IN_SWEEP_MS = 31 * 24 * 60 * 60_000

/** How long an isolate believes what the registry has said of when a share ends: as late may a page be, on which nothing is decided. */
export const KNOWN_END_MS = 2_000
