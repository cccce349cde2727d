/** Agents of other makes whose wire formats the relay speaks. */

export const FOREIGN_MAKES = ['context-forge'] as const
export type ForeignMake = (typeof FOREIGN_MAKES)[number]
