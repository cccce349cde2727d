/** When two JSON-RPC ids are the same: strings by their characters, numbers exactly, in decimal, where a double could not tell. */

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** Integers up to this many digits are written out; larger ones as digits and a power of ten. */
const PLAIN_DIGITS = 20

/**
 * One key for ids that JSON-RPC holds equal: `1` and `1.0` are the same id, `1` and `"1"` are not, and `"\u0031"` is `"1"`.
 * Numbers are compared exactly, also beyond 2^53. Text that is no id is its own key.
 */
export function canonicalId(raw: string): string {
  if (!raw.startsWith('"')) return canonicalNumber(raw)
  if (!raw.includes('\\')) return raw
  try {
    return JSON.stringify(JSON.parse(raw))
  } catch {
    return raw
  }
}

/** Whether this is the JSON text of a string or a number, and nothing around it: what an id or a token can be. */
export function isIdText(raw: string): boolean {
  if (!raw.startsWith('"')) return NUMBER.test(raw)
  try {
    return raw.endsWith('"') && typeof JSON.parse(raw) === 'string'
  } catch {
    return false
  }
}

/** One spelling for all spellings of a number: `1`, `1.0` and `10e-1` give `1`. Text that is no JSON number comes back as it is. */
function canonicalNumber(raw: string): string {
  const parts = NUMBER.exec(raw)
  if (parts === null) return raw
  const [, sign = '', whole = '', fraction = '', power = '0'] = parts
  const significant = (whole + fraction).replace(/^0+/, '')
  const digits = trimZerosBehind(significant)
  if (digits === '') return '0'
  const exponent = Number(power) - fraction.length + significant.length - digits.length
  if (!Number.isSafeInteger(exponent)) return raw
  if (exponent >= 0 && digits.length + exponent <= PLAIN_DIGITS) return sign + digits + '0'.repeat(exponent)
  return `${sign}${digits}e${exponent}`
}

/** A loop, since `/0+$/` takes quadratic time on `000…01`. */
function trimZerosBehind(digits: string): string {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return digits.slice(0, end)
}

/** A canonical id as the other type would have it: `"1"` for `1`, and `1` for `"1"` and `"1.0"`. Undefined for strings that are no number. */
export function otherTypeId(id: string): string | undefined {
  if (!id.startsWith('"')) return `"${id}"`
  const text = id.slice(1, -1)
  return NUMBER.test(text) ? canonicalNumber(text) : undefined
}
