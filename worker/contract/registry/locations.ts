/** Locations where the platform can be asked to place an object. */

/** Where an object can be asked to be (Durable Objects, data location). */
export const LOCATIONS = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'oc',
  'afr',
  'me',
] as const satisfies readonly DurableObjectLocationHint[]
export type Location = (typeof LOCATIONS)[number]
