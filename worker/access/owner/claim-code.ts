/** Mints and reads the codes with which a fresh relay is claimed. Whether one holds still is for the registry to say. */
import { encodeBase32 } from '../../../protocol/encoding/base32.ts'
import type { RelayKeys } from '../secrets/keys.ts'
import { hasSeal, sealOf } from '../secrets/sealed-text.ts'
import { randomBytes } from '../secrets/secret.ts'

/** 128 bits: nobody guesses it in its lifetime. */
const RANDOM_BYTES = 16
const SEAL = { purpose: 'claim', share: '' } as const
const CODE = /^([a-z2-7]{26})-([\w-]{22})$/

export async function newClaimCode({ owner }: Pick<RelayKeys, 'owner'>): Promise<string> {
  const random = encodeBase32(randomBytes(RANDOM_BYTES))
  return `${random}-${await sealOf(owner, SEAL, random)}`
}

/** Whether this relay has made this code: a guess is known for one without asking the registry. */
export async function isClaimCode({ owner }: Pick<RelayKeys, 'owner'>, code: string): Promise<boolean> {
  const [, random, seal] = CODE.exec(code) ?? []
  return random !== undefined && seal !== undefined && hasSeal(owner, SEAL, random, seal)
}
