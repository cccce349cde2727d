/** Signing in as the SDK's client does it, with a scripted browser; and what such a client keeps. */
import {
  Client,
  type OAuthClientProvider,
  type StoredOAuthClientInformation,
  type StoredOAuthTokens,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from '@modelcontextprotocol/client'
import { localhostFetch } from './localhost-fetch.ts'
import { consent } from './scripted-browser.ts'
import { CLIENT_INFO } from '../test-client.ts'

/** What a program keeps of its sign-ins, and the page that it has opened last. */
export class Keychain implements OAuthClientProvider {
  readonly redirectUrl = 'http://localhost:33418/callback'
  readonly clientMetadata = {
    client_name: 'Test client',
    redirect_uris: [this.redirectUrl],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  kept: StoredOAuthTokens | undefined
  opened: URL | undefined
  #client: StoredOAuthClientInformation | undefined
  #verifier = ''

  clientInformation(): StoredOAuthClientInformation | undefined {
    return this.#client
  }

  saveClientInformation(client: StoredOAuthClientInformation): void {
    this.#client = client
  }

  tokens(): StoredOAuthTokens | undefined {
    return this.kept
  }

  saveTokens(tokens: StoredOAuthTokens): void {
    this.kept = tokens
  }

  invalidateCredentials(): void {
    this.kept = undefined
  }

  redirectToAuthorization(url: URL): void {
    this.opened = url
  }

  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }

  codeVerifier(): string {
    return this.#verifier
  }
}

export function transportTo(url: string, keychain: Keychain): StreamableHTTPClientTransport {
  return new StreamableHTTPClientTransport(new URL(url), { authProvider: keychain, fetch: localhostFetch })
}

/** Signs in as the SDK has it done. */
export async function signIn(url: string, accessCode: string): Promise<Keychain> {
  const keychain = new Keychain()
  const transport = transportTo(url, keychain)
  const refused: unknown = await new Client(CLIENT_INFO).connect(transport).catch((error: unknown) => error)
  if (!(refused instanceof UnauthorizedError)) throw new Error('the client was not sent to sign in', { cause: refused })
  if (keychain.opened === undefined) throw new Error('the client has opened no page')
  await transport.finishAuth((await consent(keychain.opened, accessCode)).searchParams)
  return keychain
}
