/** What has taken the place of the lifecycle in 2026-07-28: envelope, versions, listens, rounds of input. Data only. */
import { MODERN, must, promised, type Section, should } from './requirement.ts'

const ENVELOPE = {
  title: 'Envelope and versions',
  said: ['2026-07-28 basic/index#meta', '2026-07-28 basic/versioning#protocol-version-negotiation'],
  revisions: MODERN,
  requirements: {
    'modern.meta.missing': must('A request that lacks a required member of its envelope gets 400 and -32602.'),
    'modern.meta.undeclared': must('A server that needs what the client has not declared ends in 400 and -32021, which names it.'),
    'modern.meta.result-type': must('Every result has a `resultType`, also those of a server of the handshake era.'),
    'modern.meta.sent': must('A server of this revision gets a whole envelope with every request, also for clients of older revisions.'),
    'modern.discover': must('server/discover is answered, whichever era the server speaks.', {
      provedBy: ['conformance: server-stateless'],
    }),
    'modern.unsupported-version': must('A request of an unknown revision gets an error that lists the supported ones.'),
    'modern.extension-fallback': must('An extension that one side lacks is not offered to the other.'),
    'modern.extension-names': must('Names of extensions have a prefix.', { notOurs: 'They are passed on as their owners wrote them.' }),
    'modern.dual-era': must('The envelope decides: a request that carries it is served by this revision, and initialize by its own.', {
      provedBy: ['matrix: tools'],
    }),
    'modern.dual-server': promised(
      'A server that speaks either era is spoken to by each client in its own, and asks its clients of older revisions as it would without the relay.',
    ),
    'modern.initialize-error': should('A server that speaks only this revision says so to initialize.', {
      notOurs: 'The relay speaks both.',
    }),
  },
} as const satisfies Section

const SUBSCRIPTIONS = {
  title: 'Subscriptions',
  said: ['2026-07-28 basic/patterns/subscriptions'],
  revisions: MODERN,
  requirements: {
    'modern.listen.acknowledged-first': must('The first message of a listen acknowledges it, with what of its filter is honoured.'),
    'modern.listen.asked-only': must('A listen brings nothing that it has not asked for.'),
    'modern.listen.id': must('Everything on a listen carries the id of its request, as the client wrote it.'),
    'modern.listen.ends-with-result': should('A listen that the relay or the server ends gets its result, and then its stream ends.'),
    'modern.listen.several': must('Several listens of one client are told apart.'),
  },
} as const satisfies Section

const INPUT = {
  title: 'Multi round-trip requests, made for servers of the handshake era',
  said: ['2026-07-28 basic/patterns/mrtr#server-requirements-basic-workflow'],
  revisions: MODERN,
  requirements: {
    'modern.input.instead-of-requests': must("A server's request in the middle of a call becomes `input_required` on that call."),
    'modern.input.methods': must('Only tools/call, prompts/get and resources/read may be answered so.'),
    'modern.input.declared': must('Nothing is asked that the client has not declared.'),
    'modern.input.one-at-least': must('Such an answer has requests or a state.'),
    'modern.input.state-sealed': must('A state that was changed, has expired, or is of another principal or request, is refused.'),
    'modern.input.once': must('A state is good for one retry.'),
    'modern.input.asks-again': should('A retry that leaves a question open is asked again, and what nobody asked is ignored.'),
    'modern.input.roots-once': promised(
      "A child's requests for roots are put to one client once, whenever they were made, and its answer holds for its group.",
    ),
    'modern.input.roots-true': promised('No child is told roots that no client has told: it waits, or is refused.'),
    'modern.input.own-child': promised(
      'A tool that asks runs on the own child of its group; others wait for it a little before any runs apart.',
    ),
    'modern.input.may-stay-away': must('A client that never comes back costs nothing for long.'),
    'modern.input.exact-state': must("A server's state comes back to it as it was, with the answers to that request only."),
  },
} as const satisfies Section

export const MODERN_PATTERNS = [ENVELOPE, SUBSCRIPTIONS, INPUT] as const
