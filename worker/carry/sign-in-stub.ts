/** Finds the object of a share's sign-in, in the jurisdiction of the share. */
import { knownShareFacts } from '../access/share-id.ts'
import type { SignInObject } from '../contract/objects.ts'
import type { Env } from '../env.ts'

/** `share`: an id that was found to be ours. */
export function signInStub(env: Env, share: string): DurableObjectStub<SignInObject> {
  const { jurisdiction } = knownShareFacts(share)
  const namespace = jurisdiction === 'none' ? env.SIGN_IN : env.SIGN_IN.jurisdiction(jurisdiction)
  return namespace.getByName(share)
}
