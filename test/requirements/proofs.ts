/** Finds in the source of tests what they verify. Reads text only: a mark in a place where it might not count is a fault. */
import { parseAst } from 'vitest/node'

export interface Proof {
  readonly id: string
  /** From the project's root. */
  readonly file: string
  /** Of the test with the suites around it, or of the suite; empty for a whole file. */
  readonly title: string
  /** A `test.fails`: it shows what is wrong. */
  readonly isOfFailure: boolean
}

export interface Reading {
  readonly proofs: readonly Proof[]
  /** Marks that cannot be trusted, each with its place. */
  readonly faults: readonly string[]
}

type Program = ReturnType<typeof parseAst>
type Node = Extract<Program['body'][number], { readonly type: 'ExpressionStatement' }>['expression'] | Program['body'][number]
type Call = Extract<Node, { readonly type: 'CallExpression' }>
type Argument = Call['arguments'][number]

/** Ways to declare a test that always runs. */
const RUNS = new Set(['each', 'for', 'concurrent', 'sequential', 'fails'])
const TESTS = new Set(['test', 'it'])

/** What a place in the source is part of. */
interface Scope {
  readonly titles: readonly string[]
  readonly isOfFailure: boolean
}

/** @param file named in proofs and faults. */
export function readProofs(file: string, source: string): Reading {
  const reader = new Reader(file, source)
  reader.read()
  return reader
}

class Reader implements Reading {
  readonly proofs: Proof[] = []
  readonly faults: string[] = []
  readonly #file: string
  readonly #source: string
  /** Marks that stood where they count. */
  readonly #good = new Set<number>()

  constructor(file: string, source: string) {
    this.#file = file
    this.#source = source
  }

  read(): void {
    const { body } = parseAst(this.#source, { lang: 'ts' })
    this.#body(
      body.filter(({ type }) => type !== 'ImportDeclaration'),
      { titles: [], isOfFailure: false },
    )
    for (const start of marksIn(body))
      if (!this.#good.has(start))
        this.faults.push(`${this.#file}:${this.#lineOf(start)}: verifies() does not stand first in a test that runs`)
  }

  /** Takes the marks that lead these statements, then what the tests below say. Returns how many tests there are that run. */
  #body(statements: readonly Node[], scope: Scope): number {
    const marks = leadingMarks(statements)
    const tests = statements.slice(marks.length).reduce((sum, statement) => sum + this.#declaration(statement, scope), 0)
    if (tests > 0) this.#take(marks, scope)
    return tests
  }

  #take(marks: readonly Call[], { titles, isOfFailure }: Scope): void {
    for (const mark of marks) {
      this.#good.add(mark.start)
      for (const argument of mark.arguments) {
        if (argument.type === 'Literal' && typeof argument.value === 'string')
          this.proofs.push({ id: argument.value, file: this.#file, title: titles.join(' > '), isOfFailure })
        else this.faults.push(`${this.#file}:${this.#lineOf(argument.start)}: verifies() takes ids as they are`)
      }
    }
  }

  /** A statement that declares a test or a suite. A function that declares some is taken for one that is called. */
  #declaration(statement: Node, scope: Scope): number {
    if (statement.type === 'ExportNamedDeclaration' && statement.declaration !== null)
      return this.#declaration(statement.declaration, scope)
    if (statement.type === 'FunctionDeclaration') return this.#body(statement.body?.body ?? [], scope)
    const call = statement.type === 'ExpressionStatement' ? statement.expression : undefined
    if (call?.type !== 'CallExpression') return 0
    const [kind = '', ...ways] = wordsOf(call.callee)
    if ((!TESTS.has(kind) && kind !== 'describe') || !ways.every((way) => RUNS.has(way))) return 0
    const [title, ...rest] = call.arguments
    const body = rest.map(bodyOf).find((statements) => statements !== undefined)
    if (title === undefined || body === undefined || rest.some(mayOmit)) return 0
    const inner = { titles: [...scope.titles, this.#textOf(title)], isOfFailure: scope.isOfFailure || ways.includes('fails') }
    if (kind === 'describe') return this.#body(body, inner)
    this.#take(leadingMarks(body), inner)
    return 1
  }

  #textOf({ start, end }: { readonly start: number; readonly end: number }): string {
    return this.#source
      .slice(start, end)
      .replace(/^(['"`])(.*)\1$/s, '$2')
      .replaceAll(/\\(['"`])/g, '$1')
  }

  #lineOf(index: number): number {
    return this.#source.slice(0, index).split('\n').length
  }
}

/** The marks before anything else. */
function leadingMarks(statements: readonly Node[]): Call[] {
  const marks: Call[] = []
  for (const statement of statements) {
    const call = statement.type === 'ExpressionStatement' ? statement.expression : undefined
    if (call?.type !== 'CallExpression' || !isMark(call)) break
    marks.push(call)
  }
  return marks
}

function isMark({ callee }: Call): boolean {
  return callee.type === 'Identifier' && callee.name === 'verifies'
}

/** Where marks begin, anywhere below a node. */
function marksIn(node: unknown): number[] {
  if (typeof node !== 'object' || node === null) return []
  const below = Object.values(node).flatMap((one) => marksIn(one))
  if (!('type' in node) || node.type !== 'CallExpression') return below
  const call = node as Call
  return isMark(call) ? [call.start, ...below] : below
}

/** The statements of a function that has some. */
function bodyOf(argument: Argument): readonly Node[] | undefined {
  if (argument.type !== 'ArrowFunctionExpression' && argument.type !== 'FunctionExpression') return undefined
  return argument.body?.type === 'BlockStatement' ? argument.body.body : undefined
}

/** Options that keep a test from running, or may. */
function mayOmit(argument: Argument): boolean {
  if (argument.type !== 'ObjectExpression') return false
  return argument.properties.some(
    (one) => one.type !== 'Property' || one.key.type !== 'Identifier' || /^(skip|todo|only)$/.test(one.key.name),
  )
}

/** The names of `test.concurrent.each(…)`: what is called, then how. */
function wordsOf(callee: Call['callee']): string[] {
  switch (callee.type) {
    case 'Identifier':
      return [callee.name]
    case 'CallExpression':
      return wordsOf(callee.callee)
    case 'MemberExpression':
      return [...wordsOf(callee.object), callee.property.type === 'Identifier' ? callee.property.name : '?']
    default:
      return ['?']
  }
}
