/** Bytes of a message that were paid for while it was put together, before its client could take them: they are not to be paid twice. */
export class PaidBytes {
  #bytes = 0

  /** A message has gone on that was paid for. */
  passed(bytes: number): void {
    this.#bytes += bytes
  }

  /** Of bytes that the client has taken, those that are not paid for yet. */
  unpaid(bytes: number): number {
    const paid = Math.min(bytes, this.#bytes)
    this.#bytes -= paid
    return bytes - paid
  }
}
