/**
 * Rows of what was noted lately, in rings of which the oldest go: one ring for each link of the owner's, within one bound for all, so that whoever
 * floods pushes out its own. Each row holds what one of them has added at once. Numbers go on over all rings, by which they are told as one.
 */
import { MAX_RINGS } from '../../usage-limits.ts'
import { type RingBounds, surplusOf } from './equal-share.ts'

/** `itemsPerRow`: how many one row may hold. */
interface RingSettings extends RingBounds {
  readonly table: 'audit' | 'audit_refused' | 'captured'
  readonly itemsPerRow: number
}

interface Numbered {
  readonly n: number
}

/** An item, and in whose ring it is: the link of the owner's with which it came about. */
export interface Owned<Item> {
  readonly whose: string
  readonly item: Item
}

/** What is kept of one: how many, and of the newest its number and `seen`. */
interface Ring {
  count: number
  last: number
  seen: number
}

/** `seen`: how many items of this ring there were ever, with those of this row. */
type RowFacts = { whose: string; last: number; held: number; seen: number }

export class SharedRing<Item extends Numbered> {
  readonly #sql: SqlStorage
  readonly #settings: RingSettings
  /** Made when there is something to keep: an object that was only asked about writes nothing. */
  #isMade: boolean | undefined
  /** By whose they are; read once. */
  #rings: Map<string, Ring> | undefined

  constructor(sql: SqlStorage, settings: RingSettings) {
    this.#sql = sql
    this.#settings = settings
  }

  /** Forgets everything in memory; the caller deletes the storage. */
  forget(): void {
    this.#isMade = undefined
    this.#rings = undefined
  }

  /** Number of the newest item there ever was; 0 for none. */
  get last(): number {
    return Math.max(0, ...Array.from(this.#known().values(), ({ last }) => last))
  }

  /** Keeps items, in the order of their numbers. */
  add(items: readonly Owned<Item>[]): void {
    this.#make()
    const { itemsPerRow } = this.#settings
    for (let from = 0; from < items.length; from += itemsPerRow) {
      const rows = new Map<string, Item[]>()
      for (const { whose, item } of items.slice(from, from + itemsPerRow)) pushTo(rows, whose, item)
      for (const [whose, row] of rows) this.#insert(whose, row)
    }
    this.#trim()
  }

  #insert(whose: string, row: readonly Item[]): void {
    const { table } = this.#settings
    const ring = this.#known().get(whose) ?? { count: 0, seen: 0 }
    const [first, last, seen] = [row[0]?.n ?? 0, row.at(-1)?.n ?? 0, ring.seen + row.length]
    this.#sql.exec(`INSERT INTO ${table} VALUES (?, ?, ?, ?, ?, ?)`, whose, last, first, row.length, seen, JSON.stringify(row))
    this.#known().set(whose, { count: ring.count + row.length, last, seen })
  }

  /** The oldest items behind a number, by number. */
  behind(after: number, most: number): Item[] {
    const items: Item[] = []
    for (const whose of this.#known().keys()) {
      let found = 0
      for (const row of this.#rows(whose, after)) {
        const behind = read<Item>(row.items).filter(({ n }) => n > after)
        items.push(...behind)
        found += behind.length
        if (found >= most) break
      }
    }
    return items.toSorted((a, b) => a.n - b.n).slice(0, most)
  }

  /** All items with a number from one to another. */
  between(from: number, to: number): Item[] {
    const items: Item[] = []
    for (const whose of this.#known().keys()) {
      for (const row of this.#rows(whose, from - 1)) {
        if (row.first > to) break
        items.push(...read<Item>(row.items).filter(({ n }) => n >= from && n <= to))
      }
    }
    return items
  }

  /** Deletes all. */
  drop(): void {
    if (!this.#exists()) return
    this.#sql.exec(`DROP TABLE ${this.#settings.table}`)
    this.#isMade = false
    this.#rings = undefined
  }

  /** The rows of a ring whose newest item has a number behind this one. */
  #rows(whose: string, after: number): Iterable<{ first: number; items: string }> {
    return this.#sql.exec<{ first: number; items: string }>(
      `SELECT first, items FROM ${this.#settings.table} WHERE whose = ? AND last > ? ORDER BY last`,
      whose,
      after,
    )
  }

  /** Drops the oldest of whoever has more than an equal share. A little is left to gather, so that it need not be done each time. */
  #trim(): void {
    const rings = this.#known()
    while (rings.size > MAX_RINGS) this.#dropOldestRing(rings)
    const { most, mostOfStrangers, itemsPerRow } = this.#settings
    const slack = Math.min(itemsPerRow, most / 10)
    const bounds = (spare: number): RingBounds => ({ most: most + spare, mostOfStrangers: mostOfStrangers + spare })
    const kept = new Map(Array.from(rings, ([whose, { count }]) => [whose, count]))
    if (surplusOf(kept, bounds(slack)).size === 0) return
    for (const [whose, surplus] of surplusOf(kept, bounds(0))) this.#dropOldest(whose, surplus)
  }

  #dropOldest(whose: string, surplus: number): void {
    const { table } = this.#settings
    const ring = this.#known().get(whose)
    if (ring !== undefined) ring.count -= surplus
    for (let left = surplus; left > 0;) {
      const oldest = this.#firstOf(`SELECT whose, last, held, seen FROM ${table} WHERE whose = ? ORDER BY last LIMIT 1`, whose)
      if (oldest === undefined) return
      if (oldest.held <= left) this.#sql.exec(`DELETE FROM ${table} WHERE whose = ? AND last = ?`, whose, oldest.last)
      else this.#shorten(oldest, left)
      left -= oldest.held
    }
  }

  /** Takes the oldest items out of a row. */
  #shorten({ whose, last, held }: RowFacts, surplus: number): void {
    const { table } = this.#settings
    const [row] = this.#sql.exec<{ items: string }>(`SELECT items FROM ${table} WHERE whose = ? AND last = ?`, whose, last)
    const items = read<Item>(row?.items ?? '[]').slice(surplus)
    const set = `UPDATE ${table} SET first = ?, held = ?, items = ? WHERE whose = ? AND last = ?`
    this.#sql.exec(set, items[0]?.n ?? last, held - surplus, JSON.stringify(items), whose, last)
  }

  #dropOldestRing(rings: Map<string, Ring>): void {
    const [oldest] = Array.from(rings).toSorted(([, a], [, b]) => a.last - b.last)
    if (oldest === undefined) return
    this.#sql.exec(`DELETE FROM ${this.#settings.table} WHERE whose = ?`, oldest[0])
    rings.delete(oldest[0])
  }

  /** What there is of each ring: by its two ends, so that a waking object reads two rows of each. */
  #known(): Map<string, Ring> {
    if (this.#rings !== undefined) return this.#rings
    const rings = new Map<string, Ring>()
    const { table } = this.#settings
    for (let whose = ''; this.#exists();) {
      const oldest = this.#firstOf(`SELECT whose, last, held, seen FROM ${table} WHERE whose > ? ORDER BY whose, last LIMIT 1`, whose)
      if (oldest === undefined) break
      whose = oldest.whose
      const newest =
        this.#firstOf(`SELECT whose, last, held, seen FROM ${table} WHERE whose = ? ORDER BY last DESC LIMIT 1`, whose) ?? oldest
      rings.set(whose, { count: newest.seen - oldest.seen + oldest.held, last: newest.last, seen: newest.seen })
    }
    this.#rings = rings
    return rings
  }

  #firstOf(query: string, whose: string): RowFacts | undefined {
    return this.#sql.exec<RowFacts>(query, whose).toArray()[0]
  }

  #exists(): boolean {
    this.#isMade ??= this.#find()
    return this.#isMade
  }

  #find(): boolean {
    const columns = this.#sql.exec<{ name: string }>('SELECT name FROM pragma_table_info(?)', this.#settings.table).toArray()
    const old = columns.find(({ name }) => name === 'events' || name === 'calls')
    if (old !== undefined) this.#takeOver(old.name)
    return columns.length > 0
  }

  /** Rows of the time when all had one ring become a ring of their own. */
  #takeOver(column: string): void {
    const { table } = this.#settings
    this.#sql.exec(`ALTER TABLE ${table} RENAME TO ${table}_before`)
    this.#create()
    this.#sql.exec(
      `INSERT INTO ${table} SELECT 'before', last, json_extract(${column}, '$[0].n'), json_array_length(${column}),
         sum(json_array_length(${column})) OVER (ORDER BY last), ${column} FROM ${table}_before`,
    )
    this.#sql.exec(`DROP TABLE ${table}_before`)
  }

  #make(): void {
    if (this.#exists()) return
    this.#create()
    this.#isMade = true
    this.#rings = undefined
  }

  #create(): void {
    this.#sql.exec(
      `CREATE TABLE ${this.#settings.table} (whose TEXT NOT NULL, last INTEGER NOT NULL, first INTEGER NOT NULL, held INTEGER NOT NULL,
         seen INTEGER NOT NULL, items TEXT NOT NULL, PRIMARY KEY (whose, last)) WITHOUT ROWID`,
    )
  }
}

function pushTo<Item>(rows: Map<string, Item[]>, whose: string, item: Item): void {
  const row = rows.get(whose)
  if (row === undefined) rows.set(whose, [item])
  else row.push(item)
}

function read<Item>(text: string): Item[] {
  return JSON.parse(text) as Item[]
}
