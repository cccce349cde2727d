/** One message as one line of a child's stdin (MCP, transports, stdio). Pure. */

/** Line ends, which in JSON are white space only, become spaces. */
export function asLine(message: Uint8Array): Uint8Array {
  const line = new Uint8Array(message.length + 1)
  line.set(message)
  for (const end of [0x0a, 0x0d]) for (let at = line.indexOf(end); at !== -1; at = line.indexOf(end, at + 1)) line[at] = 0x20
  line[message.length] = 0x0a
  return line
}
