/** What the recipes do (docs/recipes.md). Data only. */
import { promised, type Section } from '../requirement.ts'

const RECIPES = {
  title: 'Recipes',
  said: ['docs/recipes.md'],
  revisions: [],
  requirements: {
    'promise.recipes.images': promised(
      'The images are made of what the checkout has, run as a user who is not root, and end in good order; the relay keeps its state in its volume.',
    ),
    'promise.recipes.compose': promised('The compose file is of the specification, and says of relay and agents what they take.'),
    'promise.recipes.kubernetes': promised('The manifests fit the images, the options and variables there are, and one another.'),
    'promise.recipes.services': promised('The units run what there is, with the token in a credential, and let calls end.'),
    'promise.recipes.proxies': promised('nginx is told to wait longer than the relay is silent, to take what it takes, and to log no URL.'),
    'promise.recipes.librechat': promised('The share URL stands in no file of LibreChat but its environment.'),
  },
} as const satisfies Section

export const RECIPE_PROMISES = [RECIPES] as const
