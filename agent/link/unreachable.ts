/** Says why a relay could not be reached, and what to do where that can be known. */

/** Codes of Node's and OpenSSL's for a certificate that nobody trusted has signed. */
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET_ISSUER)|CERT_UNTRUSTED/

export function unreachableReason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const code = 'code' in error ? String(error.code) : ''
  const reason = error.message === '' ? code : error.message
  return UNTRUSTED.test(code) ? `${reason}: name a file with the certificates that may have signed the relay's with --ca` : reason
}
