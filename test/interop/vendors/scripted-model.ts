/** Owns a stand-in for a model's API on loopback: the client's turns come to the test, and what the test says is the model's speech. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { asObject, type JsonObject } from '../../harness/json.ts'
import { within } from '../../harness/deadline.ts'
import type { Asked, ModelApi, ModelAnswer, Speech } from './model-api.ts'

/** A command line starts, connects to its servers and puts its first question within this, on a busy machine. */
const TURN_MS = 60_000

/** The client waits for the model: exactly one speech ends that. */
export interface ModelTurn extends Asked {
  readonly speak: (speech: Speech) => void
}

async function readBody(request: IncomingMessage): Promise<JsonObject> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
  return text === '' ? {} : asObject(JSON.parse(text))
}

function write(response: ServerResponse, { contentType, body }: ModelAnswer): void {
  response.writeHead(200, { 'content-type': contentType })
  response.end(body)
}

export class ScriptedModel implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #api: ModelApi
  /** Turns that the test has not taken yet, or waits for. */
  readonly #turns: ModelTurn[] = []
  readonly #takers: ((turn: ModelTurn) => void)[] = []
  /** What the model says as soon as the client has done what had to come first. */
  #owed: Speech | undefined

  private constructor(server: Server, url: string, api: ModelApi) {
    this.#server = server
    this.url = url
    this.#api = api
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
    })
  }

  static async start(api: ModelApi): Promise<ScriptedModel> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return new ScriptedModel(server, `http://127.0.0.1:${address.port}`, api)
  }

  /** The next turn of the model. */
  async next(): Promise<ModelTurn> {
    const turn = this.#turns.shift()
    if (turn !== undefined) return turn
    const { promise, resolve } = Promise.withResolvers<ModelTurn>()
    this.#takers.push(resolve)
    return await within(promise, "the model's turn", TURN_MS)
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    const body = await readBody(request)
    const asked = this.#api.read(path, body)
    if (asked === undefined) {
      write(response, { contentType: 'application/json', body: JSON.stringify(this.#api.aside(path)) })
      return
    }
    if (this.#owed !== undefined) {
      write(response, this.#api.speak(body, this.#owed))
      this.#owed = undefined
      return
    }
    const speak = (speech: Speech): void => {
      const first = this.#api.prepare?.(body, speech)
      if (first !== undefined) this.#owed = speech
      write(response, first ?? this.#api.speak(body, speech))
    }
    const turn = { ...asked, speak }
    const take = this.#takers.shift()
    if (take === undefined) this.#turns.push(turn)
    else take(turn)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
