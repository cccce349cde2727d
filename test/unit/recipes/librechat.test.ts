import { expect, test } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { verifies } from '../../requirements/verifies.ts'
import { readRecipe } from './recipe-files.ts'

test('librechat.yaml keeps the share URL out of the file', () => {
  verifies('promise.recipes.librechat')
  const { mcpServers } = parseYaml(readRecipe('librechat/librechat.yaml')) as { readonly mcpServers: unknown }
  expect(mcpServers).toMatchObject({ shared: { type: 'streamable-http', url: '${SHARE_URL}' } })
})
