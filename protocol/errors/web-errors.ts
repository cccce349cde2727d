/** Errors of requests to a local web app. They answer HTTP requests only. */
import type { ErrorRow } from './row.ts'

export const WEB_ERRORS = {
  NO_WEB_APP: {
    http: 404,
    retryable: false,
    message: 'No web app is shared here. Let its owner start mcp-edge-agent with --http http://localhost:3000.',
  },
  APP_UNREACHABLE: {
    http: 502,
    retryable: true,
    message: 'The web app cannot be reached on its owner’s machine. Let its owner start it, and check the port of --http.',
  },
  APP_BROKEN: {
    http: 502,
    retryable: true,
    message: 'The web app broke off. Check whether the request took effect before you repeat it.',
  },
  APP_REQUEST_REFUSED: {
    http: 403,
    retryable: false,
    message: 'The agent does not send this request to the web app. Its owner finds in docs/agent.md what --http takes.',
  },
  APP_LINK_LOST: {
    http: 502,
    retryable: true,
    message: 'The agent went away before the web app had answered. Check whether the request took effect before you repeat it.',
  },
  WEB_NOT_ALLOWED: {
    http: 403,
    retryable: false,
    message: 'Your link does not allow this with the web app. Ask the owner of the share for another.',
  },
  APP_ORIGIN_REFUSED: {
    http: 403,
    retryable: false,
    message:
      'Only pages of the web app itself may do this by cookie. Programs send Origin and Sec-Fetch-Site as such a page does, or a bearer token in place of the cookie.',
  },
  APP_SIGN_IN_LOST: {
    http: 403,
    retryable: false,
    message: 'This sign-in was begun in another browser, or is over. Open the web app again; cookies have to be allowed for it.',
  },
  SERVICE_WORKER_REFUSED: {
    http: 403,
    retryable: false,
    message: 'No service worker is installed below this URL. Use the web app on a host of its own.',
  },
} as const satisfies Record<string, ErrorRow>
