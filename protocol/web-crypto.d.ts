/** What workerd and Node have in common of Web Crypto and base64, as far as the link needs it. */
interface HmacKey {
  readonly type: string
}

declare const crypto: {
  readonly subtle: {
    importKey(
      format: 'raw',
      key: Uint8Array<ArrayBuffer>,
      algorithm: { readonly name: 'HMAC'; readonly hash: 'SHA-256' },
      extractable: false,
      usages: 'sign'[],
    ): Promise<HmacKey>
    sign(algorithm: 'HMAC', key: HmacKey, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>
    digest(algorithm: 'SHA-256', data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>
  }
}

declare function btoa(text: string): string
declare function atob(text: string): string
