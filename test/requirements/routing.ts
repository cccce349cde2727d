/** How calls are divided among the agents of a share. Data only. */
import { promised, type Section } from './requirement.ts'

export const ROUTING = [
  {
    title: 'Calls that go to all agents (--spread)',
    said: ['docs/agent.md, Several agents of one share'],
    revisions: [],
    requirements: {
      'promise.spread.all': promised(
        'A call of a tool that only reads goes to all agents that were started so, by each door and in each era.',
      ),
      'promise.spread.only-reads': promised('A call of any other tool, or where one agent alone was started so, goes to one agent.'),
      'promise.spread.judged': promised(
        'Of a client that a policy or pins bind, no agent runs what its own server has not listed as a tool that only reads and that the client may call.',
      ),
      'promise.spread.as-sent': promised(
        "Its answer has what each agent says behind the agent's name, byte for byte, and structured content in a form that its client can check.",
      ),
      'promise.spread.failures': promised(
        'An agent that fails, is lost, says too much or nothing in time has a line of its own, and spoils nothing.',
      ),
      'promise.spread.child': promised("A session's processes on other agents serve its further calls, and end with it."),
      'promise.spread.cancel': promised('Who cancels it cancels it on all agents.'),
      'promise.spread.one': promised('It is one call to limits and the audit.'),
    },
  },
  {
    title: 'Agents that serve different names (--serves)',
    said: ['docs/agent.md, Several agents of one share'],
    revisions: [],
    requirements: {
      'promise.serves.joins': promised(
        'Agents with different patterns join one share by themselves; agents with the same are replicas of each other, in the order of their patterns or not.',
      ),
      'promise.serves.one-list': promised(
        'A client is listed what each agent serves, in one list without pages, byte for byte, and nothing of an agent that another serves.',
      ),
      'promise.serves.routed': promised(
        'A call goes to an agent whose patterns fit its name, the one that spells most of it out, by each door and in each era, and finds the process of the call before.',
      ),
      'promise.serves.away': promised(
        'A name that no agent serves, or whose agents have gone, fails by a name that says so; calls of other names go on.',
      ),
      'promise.serves.judged': promised(
        'Policies, pins and approvals judge a call by what the agent lists that runs it, wherever its client has its session.',
      ),
      'promise.serves.once': promised(
        'A call that goes by name is run once, also when its agent is lost, and streams and is cancelled like any other.',
      ),
    },
  },
] as const satisfies readonly Section[]
