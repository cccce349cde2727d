/** What is proved of a vendor's command line, in a namespace: that it says connected, and that a prompt's calls come back. */
import type { Way } from '../sdks/foreign-client.ts'
import type { CommandLine } from './command-line.ts'
import { Home } from './home.ts'
import { type ModelTurn, ScriptedModel } from './scripted-model.ts'
import { proveSignIn } from './sign-in-proof.ts'
import { ServedShare } from './served-share.ts'

/** From the start of the command line to its end, with a restart of relay and agent in between, on a busy machine. */
const PROMPT_MS = 180_000
const BEFORE = 'grüße 漢字 🙂'
const AFTER = 'grüße nach dem Neustart'

export type Subject = 'connection' | 'prompt' | 'sign-in'

async function proveConnection(commandLine: CommandLine, way: Way): Promise<void> {
  await using served = await ServedShare.start()
  await using model = await ScriptedModel.start(commandLine.api)
  await using home = await Home.create(commandLine, served.address(way), model.url)
  console.log(await commandLine.connected(home))
  await served.killAndStart()
  console.log(`after a restart: ${await commandLine.connected(home)}`)
}

/** Has the client call `echo`, and returns the turn that brings the result. */
async function echo(model: ScriptedModel, turn: ModelTurn, text: string): Promise<ModelTurn> {
  turn.speak({ tool: 'echo', arguments: { text } })
  return await model.next()
}

function expectEcho({ result }: ModelTurn, text: string): void {
  if (result !== text) throw new Error(`no "${text}" came back, but: ${result.slice(0, 1000)}`)
}

/** Has the client call the tools that ask it something, and returns the turn that brings the last result. */
async function answerAsks(model: ScriptedModel, first: ModelTurn, answers: CommandLine['answers']): Promise<ModelTurn> {
  let turn = first
  for (const [tool, answer] of Object.entries(answers)) {
    turn.speak({ tool, arguments: { message: 'Who are you?' } })
    turn = await model.next()
    if (!turn.result.includes(answer)) throw new Error(`the answer to ${tool} is not ${answer}, but: ${turn.result.slice(0, 1000)}`)
  }
  return turn
}

/** The model's part. The relay and the agent are killed while it thinks between two calls; returns what is to be said of that. */
async function converse(
  model: ScriptedModel,
  served: ServedShare,
  { failsOnce, answers }: Pick<CommandLine, 'answers'> & { readonly failsOnce: string | undefined },
): Promise<string> {
  const opening = await model.next()
  if (!opening.tools.includes('echo')) throw new Error(`the model is not offered echo, but: ${opening.tools.join(', ')}`)
  const before = await echo(model, opening, BEFORE)
  expectEcho(before, BEFORE)
  await served.killAndStart()
  const first = await echo(model, before, AFTER)
  const isAgain = failsOnce !== undefined && first.result !== AFTER
  const after = isAgain ? await echo(model, first, AFTER) : first
  expectEcho(after, AFTER)
  const last = await answerAsks(model, after, answers)
  last.speak({ text: `It said: ${after.result}` })
  return isAgain ? ` at the second try: ${failsOnce}` : ''
}

async function provePrompt(commandLine: CommandLine, way: Way): Promise<void> {
  await using served = await ServedShare.start()
  await using model = await ScriptedModel.start(commandLine.api)
  await using home = await Home.create(commandLine, served.address(way), model.url)
  await using program = home.start(commandLine.prompt('Call echo twice.'))
  const ended = program.output(PROMPT_MS)
  // Who waits for a turn learns at once that none will come.
  const gone = ended.then((output) => Promise.reject(new Error(`it ended before the model was through:\n${output}`)))
  gone.catch(() => {})
  const remark = await Promise.race([
    converse(model, served, { answers: commandLine.answers, failsOnce: commandLine.failsOnce[way.transport] }),
    gone,
  ])
  const output = await ended
  if (!output.includes(AFTER)) throw new Error(`the answer is not in the output:\n${output}`)
  await served.expectEchoes([BEFORE, AFTER])
  const asked = Object.keys(commandLine.answers).join(', ') || 'nothing'
  console.log(`both results came back, the second after a restart${remark}; answered when asked for: ${asked}`)
}

const PROVE: Readonly<Record<Subject, (commandLine: CommandLine, way: Way) => Promise<void>>> = {
  connection: proveConnection,
  prompt: provePrompt,
  'sign-in': proveSignIn,
}

export async function prove(subject: Subject, commandLine: CommandLine, way: Way): Promise<void> {
  await PROVE[subject](commandLine, way)
}
