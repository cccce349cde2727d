/** What a client is told whose call or stream was cut off, or refused. */

export interface ToldError {
  readonly status?: number
  readonly code: string | undefined
  readonly detail?: string | undefined
  readonly executed?: string | undefined
  readonly retryable?: boolean | undefined
}
export function toldErrorIn(text: string | undefined): ToldError {
  const { error }: { error?: { data?: ToldError } } = JSON.parse(text ?? '{}')
  const { code, detail, executed, retryable } = error?.data ?? { code: undefined }
  return { code, detail, executed, retryable }
}
export async function refusedWith(response: Response): Promise<ToldError> {
  return { status: response.status, ...toldErrorIn(await response.text()) }
}
