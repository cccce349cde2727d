/** Arbitrary JSON-RPC messages with the facts that a scan of them must find. */
import fc from 'fast-check'
import {
  idText,
  lay,
  object,
  space,
  spelled,
  strangers,
  stringText,
  valueText,
  type Marked,
  type Member,
  type Piece,
} from './json-arbitrary.ts'

const ROOT_KEYS = ['jsonrpc', 'id', 'method', 'params', 'result', 'error']
const PARAMS_KEYS = ['progressToken', 'progress', 'requestId', 'uri', '_meta']
const META_KEYS = ['progressToken', 'io.modelcontextprotocol/subscriptionId']

export interface Message extends Marked {
  readonly kind: 'request' | 'notification' | 'result' | 'error'
}

function marked(key: string, mark: string, raw: fc.Arbitrary<string>): fc.Arbitrary<Member> {
  return fc.record({ key: spelled(key), value: raw.map((text): Piece[] => [{ mark, raw: text }]) })
}

function nested(key: string, pieces: fc.Arbitrary<readonly Piece[]>): fc.Arbitrary<Member> {
  return fc.record({ key: spelled(key), value: pieces })
}

/** An object of some of these members and of strangers. */
function someOf(members: readonly fc.Arbitrary<Member>[], known: readonly string[]): fc.Arbitrary<Piece[]> {
  const present = fc.tuple(...members.map((member) => fc.option(member)))
  return fc.tuple(present, strangers(known)).chain(([kept, others]) => object([...kept.filter((member) => member !== null), ...others]))
}

const meta = someOf(
  [marked('progressToken', 'requestToken', idText), marked('io.modelcontextprotocol/subscriptionId', 'subscriptionId', idText)],
  META_KEYS,
)

const params = someOf(
  [
    marked('progressToken', 'progressToken', idText),
    marked('progress', 'progress', idText),
    marked('requestId', 'requestId', idText),
    marked('uri', 'uri', stringText),
    nested('_meta', meta),
  ],
  PARAMS_KEYS,
)

const version = marked('jsonrpc', 'jsonrpc', fc.constant('"2.0"'))
const id = marked('id', 'id', idText)
const method = marked(
  'method',
  'method',
  fc.oneof(
    stringText,
    ...['tools/call', 'notifications/progress', 'notifications/cancelled', 'notifications/resources/updated'].map(spelled),
  ),
)
const anyParams = nested(
  'params',
  fc.oneof(
    { weight: 4, arbitrary: params },
    { weight: 1, arbitrary: valueText.filter((text) => !text.startsWith('{')).map((text) => [text]) },
  ),
)
const payload = (key: string): fc.Arbitrary<Member> =>
  nested(
    key,
    valueText.map((text) => [text]),
  )

function message(
  kind: Message['kind'],
  members: readonly fc.Arbitrary<Member>[],
  maybe: readonly fc.Arbitrary<Member>[],
): fc.Arbitrary<Message> {
  return fc
    .tuple(fc.tuple(...members), fc.tuple(...maybe.map((member) => fc.option(member))), strangers(ROOT_KEYS), space, space)
    .chain(([needed, optional, others, before, after]) =>
      object([...needed, ...optional.filter((member) => member !== null), ...others]).map((pieces) => ({
        kind,
        ...lay([before, ...pieces, after]),
      })),
    )
}

export const request = message('request', [version, id, method], [anyParams])
export const notification = message('notification', [version, method], [anyParams])
export const result = message('result', [version, id, payload('result')], [])
export const error = message('error', [version, id, payload('error')], [])

export const anyMessage = fc.oneof(request, notification, result, error)
