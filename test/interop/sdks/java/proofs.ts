/** A client written in Java: the official SDK, which knows the handshake only. */
import { join } from 'node:path'
import { ROOT } from '../../../harness/program.ts'
import type { Command } from '../../../harness/selfhost.ts'
import type { Proof } from '../../proof.ts'
import { BUILD_CACHE, builtWith } from '../../toolchains.ts'
import { lostCallProof } from '../lost-calls.ts'
import { type RestartPlan, restartProof } from '../restarts.ts'

const LIBRARIES = join(BUILD_CACHE, 'java')
const FOLDER = join(ROOT, 'test/interop/sdks/java')
const ASKS_ALL = ['elicitation', 'sampling', 'roots'] as const

/** The one goal that fetches; the program itself is compiled by `java` as it starts. */
const FETCH = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const needsMaven = builtWith({
  toolchain: ['mvn', '--version'],
  fetch: ['mvn', '-q', '-B', '-f', join(FOLDER, 'pom.xml'), FETCH, `-DoutputDirectory=${LIBRARIES}`],
})

const command: Command = ['java', '-cp', join(LIBRARIES, '*'), join(FOLDER, 'JavaClient.java')]

type Plan = Pick<RestartPlan, 'name' | 'needs' | 'program' | 'by' | 'transport'>

function javaSdk(way: Pick<Plan, 'by' | 'transport'>): Plan {
  return { name: 'java-sdk 2.1.0', needs: needsMaven, program: () => Promise.resolve({ command }), ...way }
}

const byKey = javaSdk({ transport: 'http', by: 'key' })
const byBearer = javaSdk({ transport: 'http', by: 'bearer' })
const overSse = javaSdk({ transport: 'sse', by: 'key' })

const OPENED_ONCE = 'its event stream is opened once'

export const javaProofs: readonly Proof[] = [
  restartProof({ ...byKey, asks: ASKS_ALL }),
  restartProof({ ...byBearer, asks: ASKS_ALL }),
  restartProof({ ...byBearer, asks: ASKS_ALL, server: 'both eras' }),
  restartProof({ ...overSse, asks: ASKS_ALL, reconnects: OPENED_ONCE }),
  lostCallProof({ ...byKey, spared: 'a call whose stream breaks waits for its own time limit, and no stream is opened again' }),
  lostCallProof({ ...overSse, spared: OPENED_ONCE }),
]
