/** Owns the servers of test/conformance/http-server.ts, as processes that tests start and kill. */
import { join } from 'node:path'
import { NODE, Program, ROOT } from './program.ts'

export type HttpServerKind = 'sdk1' | 'sdk1-sse' | 'sdk2' | 'sdk2-both' | 'sdk2-stateless'

interface HttpServerOptions {
  /** Any free one, unless it is to be the same as before. */
  readonly port?: number
  readonly fixture?: 'asking'
  /** What it wants in the Authorization header of every request. */
  readonly credential?: string
}

export class HttpServerProgram implements AsyncDisposable {
  readonly program: Program
  readonly url: string

  constructor(program: Program, url: string) {
    this.program = program
    this.url = url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]()
  }
}

export async function startHttpServer(
  kind: HttpServerKind,
  { port = 0, fixture, credential }: HttpServerOptions = {},
): Promise<HttpServerProgram> {
  const args = [join(ROOT, 'test/conformance/http-server.ts'), kind, String(port), ...(fixture === undefined ? [] : [fixture])]
  const program = new Program(NODE, args, { env: { HTTP_SERVER_CREDENTIAL: credential } })
  try {
    return new HttpServerProgram(
      program,
      await program.stdout.find((line) => (line.startsWith('http') ? line : undefined), 'the URL of the server'),
    )
  } catch (error) {
    await program.kill9()
    throw error
  }
}
