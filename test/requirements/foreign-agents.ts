/** What is promised of agents of other makes, and what cannot be. Data only. */
import { promised, type Section } from './requirement.ts'

export const FOREIGN_AGENTS = [
  {
    title: 'Agents of other makes',
    said: ['docs/foreign-agents.md'],
    revisions: [],
    requirements: {
      'foreign.context-forge.registers': promised(
        'Both clients of ContextForge register unmodified, at the paths that they know and under a share, and are told what they wait for.',
      ),
      'foreign.mr-pilot.let-in': promised(
        'A slave of mr-pilot is let in by the key in its path, then by its code; else it is told so by the closes that it knows.',
      ),
      'foreign.mr-pilot.no-notifications': promised('A slave of mr-pilot, which answers notifications, gets none.'),
      'foreign.egdesk.serves': promised(
        "EGDesk's tunnel client registers, connects and brings requests to its server unmodified, byte for byte.",
      ),
      'foreign.egdesk.fails': promised(
        'What a server behind a tunnel fails is one call; one that has forgotten the relay is begun with anew.',
      ),
      'foreign.egdesk.web': promised(
        "A web app behind EGDesk's tunnel is reached as any: methods, fields and texts to the byte, event streams in order; a client that leaves is told of, and one request fails alone.",
      ),
      'foreign.cpp-mcp.serves': promised(
        "cpp-mcp's reverse client, which can send neither a header nor a path, serves a share unmodified, in its own revision.",
      ),
      'foreign.cpp-mcp.shapes': promised('What it asks wrongly is answered in the shapes that it knows.'),
      'foreign.cpp-mcp.one-a-poll': promised(
        'Each poll is given one request, the one that waits too; 204 after 30 s; and nothing that was cancelled before.',
      ),
      'foreign.cpp-mcp.restart': promised('It polls on by its session after the relay has restarted.'),
      'foreign.cpp-mcp.gone': promised('While it works on a request it is not missed; when it polls no more its link ends.'),
      'foreign.cpp-mcp.bounded': promised('An answer that is none, or too large, ends the calls that it could be for.'),
      'foreign.cpp-mcp.secret-host': promised(
        'It is let in by a secret host name, which is minted where the deployer allows it, is no share’s own, and ends with its link.',
      ),
      'foreign.egdesk.unasked': promised("What a server behind EGDesk's tunnel says unasked reaches its clients' streams."),
      'foreign.heartbeats': promised('A heartbeat is never answered with one.'),
      'foreign.one-handshake': promised('The server behind such an agent is begun with once, however many clients come.'),
      'foreign.description-hidden': promised('What such an agent says of its command line is shown to nobody.'),
      'foreign.failed-start': promised('An agent whose server refuses the handshake is told so, and closed.'),
      'foreign.ids-apart': promised('Each call has an id of its own there, so that no answer or progress reaches another client.'),
      'foreign.asks-refused': promised('What the server asks is refused, whatever envelope it comes in, and answers no call.'),
      'foreign.cancels': promised('A client cancels its own call and no other, by the id that the server knows.'),
      'foreign.sleeps': promised('Calls outlive the sleep of the relay.'),
      'foreign.timeout': promised('A call without an answer fails after five minutes, and an agent that is silent for as long is closed.'),
      'foreign.lost-at-once': promised('The calls of an agent that drops, or begins anew, fail at once, as unknown.'),
      'foreign.one-mib': promised(
        'No more than 1 MiB is sent to such an agent, or taken from it, and a call that is too large fails alone.',
      ),
      'foreign.newest-wins': promised('The newest agent serves, and the late close of the one before takes nothing from it.'),
      'foreign.session-id-is-nobodys': promised('What such an agent calls itself finds nothing.'),
      'foreign.sessions': promised(
        'An agent sees and ends its own connection only; all else of its sessions is for the owner of their share.',
      ),
      'foreign.request-bound': promised(
        "An owner's own request is bound by policies, waits where they hold it, and is told of in the audit.",
      ),
      'foreign.refused-before-upgrade': promised('An agent without a right token is refused with 401 or 403 and JSON, before the upgrade.'),
    },
  },
] as const satisfies readonly Section[]
