/** A client written in Java: the official SDK, which knows the handshake only. */
import { join } from 'node:path'
import { ROOT } from '../../../harness/program.ts'
import type { Command } from '../../../harness/selfhost.ts'
import type { Proof } from '../../proof.ts'
import { BUILD_CACHE, builtWith } from '../../toolchains.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

const LIBRARIES = join(BUILD_CACHE, 'java')
const FOLDER = join(ROOT, 'test/interop/sdks/java')
const ASKS_ALL = ['elicitation', 'sampling', 'roots'] as const

/** The one goal that fetches; the program itself is compiled by `java` as it starts. */
const FETCH = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const needsMaven = builtWith(
  ['mvn', '--version'],
  ['mvn', '-q', '-B', '-f', join(FOLDER, 'pom.xml'), FETCH, `-DoutputDirectory=${LIBRARIES}`],
)

const command: Command = ['java', '-cp', join(LIBRARIES, '*'), join(FOLDER, 'JavaClient.java')]

function javaSdk(options: Pick<RestartPlan, 'by' | 'transport' | 'reconnects'>): Proof {
  const program: RestartPlan['program'] = () => Promise.resolve({ command })
  return restartProof({ name: 'java-sdk 2.1.0', needs: needsMaven, program, asks: ASKS_ALL, ...options })
}

export const javaProofs: readonly Proof[] = [
  javaSdk({ transport: 'http', by: 'key' }),
  javaSdk({ transport: 'http', by: 'bearer' }),
  javaSdk({ transport: 'sse', by: 'key', reconnects: 'its event stream is opened once' }),
]
