/** Errors that only the owner's API and the agents' door have. */
import type { ErrorRow } from './row.ts'

export const API_ERRORS = {
  BODY_INVALID: {
    http: 400,
    retryable: false,
    message: 'The body is not what this call takes. Send a JSON object with the documented members.',
  },
  OWNER_KEY_NEEDED: { http: 401, retryable: false, message: 'The owner key is needed. Send it as Authorization: Bearer.' },
  INSUFFICIENT_PERMISSIONS: {
    http: 403,
    retryable: false,
    message: 'This credential may not do that. Ask whoever gave it to you, or use one that may.',
  },
  CLAIM_CODE_WRONG: {
    http: 403,
    retryable: false,
    message:
      'The claim code is wrong or older than 10 minutes. Log in again, or POST /api/claim without a body, and read the newest in the log.',
  },
  ROUTE_NOT_FOUND: {
    http: 404,
    retryable: false,
    message:
      'There is nothing at this address. MCP addresses end in /mcp or /sse, behind the name of a server where a share has several: compare it with the share URL.',
  },
  LANE_UNKNOWN: {
    http: 404,
    retryable: false,
    message: 'The share has no such lane. Connect to its first one, whose welcome says how many there are.',
  },
  LANES_NOT_SERVED: {
    http: 409,
    retryable: false,
    message: 'This share has several lanes, and such an agent has one connection. Run mcp-edge-agent, or make a share of one lane.',
  },
  SERVER_NAME_INVALID: {
    http: 400,
    retryable: false,
    message: 'No server of a share may be called so. Use up to 20 of a-z, 0-9 and dashes, and no word that its addresses have already.',
  },
  SERVER_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'The share has 16 servers with names, as many as it may. Remove those that are not used any more.',
  },
  SERVER_ENDING: {
    http: 503,
    retryable: true,
    message: 'The owner has removed this server, and its end is still being told. Connect again in a moment.',
  },
  SERVER_NOT_FOUND: {
    http: 404,
    retryable: false,
    message: 'The share has no server of this name, or it was removed. Compare it with the servers that the share is shown with.',
  },
  RELAY_CLAIMED: { http: 409, retryable: false, message: 'This relay has an owner already. Use the owner key that was made for it.' },
  SHARE_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'The relay keeps no more than 1000000 shares. Delete those that are not used any more.',
  },
  OWNER_SHARE_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'You have 10000 shares, as many as one owner may have. Delete those that are not used any more.',
  },
  RELAY_FULL: {
    http: 409,
    retryable: false,
    message: 'The relay has no room for more shares or tokens. Delete those that are not used any more.',
  },
  OWNER_NOT_FOUND: {
    http: 404,
    retryable: false,
    message: "The relay has no such owner. Compare the id with the list of the relay's owners.",
  },
  OWNER_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'The relay has 1000 owners besides its deployer. Remove those that are not needed any more.',
  },
  TOKEN_NOT_FOUND: {
    http: 404,
    retryable: false,
    message: "The share has no such token, or it was revoked. Compare its id with the list of the share's tokens.",
  },
  TOKEN_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'The share has 1000 tokens that have not ended. Revoke those that are not used any more.',
  },
  SIGN_IN_UNAVAILABLE: {
    http: 409,
    retryable: false,
    message: 'Nobody can sign in at this relay, which is reached by plain HTTP. Put it behind HTTPS and set PUBLIC_URL, or hand out links.',
  },
  PERSON_NOT_FOUND: {
    http: 404,
    retryable: false,
    message: "No such person, or one who was removed already. Compare the id with the list of the share's people.",
  },
  APPROVAL_NOT_FOUND: {
    http: 404,
    retryable: false,
    message: "No such approval, or one that is decided already or has ended. Compare the id with the list of the share's approvals.",
  },
  APPROVAL_LIMIT_REACHED: {
    http: 409,
    retryable: false,
    message: 'The share has 1000 calls that are always allowed. Take back those that are not needed any more.',
  },
  PINNING_OFF: {
    http: 409,
    retryable: false,
    message: 'Pinning is off for this share, so nothing is held back. Turn it on to pin what its server offers.',
  },
  TOOLS_CHANGED: {
    http: 409,
    retryable: false,
    message: 'What is to be accepted is not what the server offers now. Look at what is held back once more.',
  },
  PINS_FULL: {
    http: 409,
    retryable: false,
    message:
      'That would be more than can be pinned: 2500 entries of one server, 1.5 MB of all of a share. Turn pinning off, or have the server offer less.',
  },
  LISTING_TOO_LARGE: {
    http: 409,
    retryable: false,
    message: 'The server offers more than the relay can list, so the rest is held back. Turn pinning off, or have the server offer less.',
  },
  LISTING_FAILED: {
    http: 503,
    retryable: true,
    message: 'The server has not answered when the relay listed what it offers. See what it prints; it is asked again when a client comes.',
  },
  JURISDICTION_UNAVAILABLE: {
    http: 409,
    retryable: false,
    message: 'This relay cannot keep a share in a jurisdiction. Deploy it to Cloudflare, or leave jurisdiction out.',
  },
  REQUEST_TOO_LARGE: { http: 413, retryable: false, message: 'The body is larger than 16 KiB. Send only the documented members.' },
  UPGRADE_NEEDED: {
    http: 426,
    retryable: false,
    message: 'This address is for agents and takes WebSockets only. Connect with mcp-edge-agent.',
  },
  LINK_VERSION_REFUSED: {
    http: 426,
    retryable: false,
    message: 'The agent and the relay speak different versions of the link. Update the one that is older.',
  },
  LANES_UNREACHED: {
    http: 503,
    retryable: true,
    message: 'Some lanes of the share could not be reached, and serve it as before. The relay tells them again until they have heard.',
  },
  RELAY_MISCONFIGURED: {
    http: 500,
    retryable: true,
    message: 'The relay is configured wrongly. Its deployer must correct the named variable.',
  },
} as const satisfies Record<string, ErrorRow>
