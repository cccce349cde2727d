/** What promise 13 of docs/design.md means, sentence by sentence: local web apps. Data only. */
import { promised, type Section } from '../requirement.ts'

const WEB = {
  title: "Promise 14: a web app is its owner's, and nobody else's way in",
  said: ['docs/design.md, promise 14'],
  revisions: [],
  requirements: {
    'promise.14.one-origin': promised(
      'Requests reach exactly the origin that the command line names, by no path, host, redirect or upgrade another.',
    ),
    'promise.14.as-sent': promised('Method, path, fields and body reach the app as they were sent, without those of one hop.'),
    'promise.14.who': promised('A bearer token, a key or a cookie of one lets in, or nothing where the owner says so.'),
    'promise.14.sign-in': promised(
      'Whoever opens an app of a share with people signs in there, in this browser alone, and comes back to the page that was asked for.',
    ),
    'promise.14.credential': promised("No app sees a credential of the relay's, or sets its cookie; its own sign-in passes."),
    'promise.14.cookie-origin': promised("The cookie counts for the app's own pages, and for nobody else's."),
    'promise.14.own-host': promised('A host of an app has nothing else, and its pages may call the relay for its own share alone.'),
    'promise.14.sandbox': promised(
      "Below a path of the relay's own origin every response is sandboxed, and nothing of it reaches beyond itself.",
    ),
    'promise.14.rewritten': promised('There, URLs of the app in pages, style sheets and redirects lead below the path.'),
    'promise.14.policy': promised(
      'With access read there are GET and HEAD without upgrade; a policy on MCP opens no app unless it says so.',
    ),
    'promise.14.cut': promised('What ends with a link ends downloads and WebSockets that are under way.'),
    'promise.14.limits': promised('Requests are charged to limits and stand in the audit, without their queries.'),
    'promise.14.flow': promised('Bodies flow both ways as they are taken, within credit, and a slow one holds up no other.'),
    'promise.14.fair': promised(
      'Of the exchanges that an object has room for nobody keeps more than an equal share from those who come: who has the most loses its oldest.',
    ),
    'promise.14.websocket': promised('WebSockets keep messages, types, subprotocol and close codes.'),
    'promise.14.sleeps': promised('An object sleeps with idle exchanges, and goes on with them.'),
    'promise.14.start': promised('npm start with --http prints a URL that opens the app.'),
    'promise.14.failures': promised('An app or agent that is away, or breaks off, is told of as such, and nothing is sent twice.'),
  },
} as const satisfies Section

export const WEB_PROMISES = [WEB] as const
