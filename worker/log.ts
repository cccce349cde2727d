/** One structured line per event, fields not prose, never a payload or a secret. The only user of console in the Worker. */
export function log(event: string, fields: Record<string, string | number | boolean | undefined> = {}): void {
  // oxlint-disable-next-line no-console -- the Worker's log is the console
  console.log(JSON.stringify({ event, ...fields }))
}
