/** Counts the rows that a relay has on disk, once its workerd has ended. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Rows of each table of each object of a class, summed up. Tables of the runtime's own are left out. */
export function tableRows(storageDir: string, className: string): Map<string, number> {
  const rows = new Map<string, number>()
  const folder = readdirSync(storageDir).find((name) => name.endsWith(`-${className}`))
  if (folder === undefined) throw new Error(`no objects of ${className} in the storage`)
  const files = readdirSync(join(storageDir, folder)).filter((name) => name.endsWith('.sqlite') && name !== 'metadata.sqlite')
  for (const file of files) {
    const database = new DatabaseSync(join(storageDir, folder, file))
    const tables = database.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'").all()
    for (const { name } of tables) {
      const counted = database.prepare(`SELECT count(*) AS count FROM "${String(name)}"`).get()
      rows.set(String(name), (rows.get(String(name)) ?? 0) + Number(counted?.['count'] ?? 0))
    }
    database.close()
  }
  return rows
}
