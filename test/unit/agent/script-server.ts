/** A server given as a few lines of script. */

/** A server made of a body that sees `send(object)`, `raw(text)` and, line by line, `on = (message) => …`. */
export function scriptServer(body: string): string[] {
  const frame = `
    const raw = (text) => process.stdout.write(text)
    const send = (message) => raw(JSON.stringify(message) + '\\n')
    const result = (id, value) => send({ jsonrpc: '2.0', id, result: value })
    let on = () => {}
    require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => on(JSON.parse(line), line))
    ${body}`
  return [process.execPath, '-e', frame]
}
