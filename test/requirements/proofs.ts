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
/** Options with which a test always runs, and passes if it passes. */
const OPTIONS = new Set(['timeout', 'retry', 'repeats', 'concurrent'])

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

  /** Takes the marks that lead these statements, then what the tests below say. Returns how many tests there are that run and pass. */
  #body(statements: readonly Node[], scope: Scope): number {
    const marks = leadingMarks(statements)
    const tests = reached(statements.slice(marks.length)).reduce((sum, statement) => sum + this.#declaration(statement, scope), 0)
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

  /** A statement that declares a test or a suite. A function that declares some must be called, or exported for others to call. */
  #declaration(statement: Node, scope: Scope): number {
    if (statement.type === 'ExportNamedDeclaration') {
      const { declaration } = statement
      if (declaration?.type === 'FunctionDeclaration') return this.#body(declaration.body?.body ?? [], scope)
      return declaration === null ? 0 : this.#declaration(declaration, scope)
    }
    if (statement.type === 'FunctionDeclaration') {
      const isCalled = new RegExp(`(?<!function )\\b${statement.id?.name ?? ''}\\(`).test(this.#source)
      return isCalled ? this.#body(statement.body?.body ?? [], scope) : 0
    }
    if (statement.type === 'VariableDeclaration') this.#shadowed(statement.declarations)
    const call = statement.type === 'ExpressionStatement' ? statement.expression : undefined
    if (call?.type !== 'CallExpression') return 0
    const [kind = '', ...ways] = wordsOf(call.callee)
    if ((!TESTS.has(kind) && kind !== 'describe') || !ways.every((way) => RUNS.has(way))) return 0
    const [title, ...rest] = call.arguments
    const body = rest.map(bodyOf).find((statements) => statements !== undefined)
    const isSure = rest
      .slice(
        0,
        rest.findIndex((argument) => bodyOf(argument) !== undefined),
      )
      .every(runsSurely)
    if (title === undefined || body === undefined || !isSure || hasEmptyTable(call.callee)) return 0
    const inner = { titles: [...scope.titles, this.#textOf(title)], isOfFailure: scope.isOfFailure || ways.includes('fails') }
    if (kind === 'describe') return this.#body(body, inner)
    const marks = leadingMarks(body)
    // A test that does nothing proves nothing.
    if (reached(body.slice(marks.length)).length > 0) this.#take(marks, inner)
    return inner.isOfFailure ? 0 : 1
  }

  /** What is called `test` here must be vitest's. */
  #shadowed(declarations: readonly { readonly id: { readonly type: string; readonly start: number; readonly name?: string } }[]): void {
    for (const { id } of declarations)
      if (id.name !== undefined && (TESTS.has(id.name) || id.name === 'describe'))
        this.faults.push(`${this.#file}:${this.#lineOf(id.start)}: ${id.name} is not vitest's here`)
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

/** Whether a test with this before its function always runs: options that are written out, and none that keep it from running or passing. */
function runsSurely(argument: Argument): boolean {
  if (argument.type !== 'ObjectExpression') return false
  return argument.properties.every(
    (one) => one.type === 'Property' && !one.computed && one.key.type === 'Identifier' && OPTIONS.has(one.key.name),
  )
}

/** Whether `test.each([])` makes no test. */
function hasEmptyTable(callee: Call['callee']): boolean {
  const [table] = callee.type === 'CallExpression' ? callee.arguments : []
  return table?.type === 'ArrayExpression' && table.elements.length === 0
}

/** The statements before the first that leaves. */
function reached(statements: readonly Node[]): readonly Node[] {
  const end = statements.findIndex(({ type }) => type === 'ReturnStatement' || type === 'ThrowStatement')
  return end === -1 ? statements : statements.slice(0, end)
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
