/** Calls of tools as clients post them, and their answers as servers give them. */

/** The body of a tools/call. `args`: an object, or its JSON as it is to be written. */
export function callOf(id: number, name: string, args: object | string = {}): string {
  const text = typeof args === 'string' ? args : JSON.stringify(args)
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${text}}}`
}

/** What is in a response whose tool has said this. */
export function said(text: string): object {
  return { result: { content: [{ type: 'text', text }] } }
}
