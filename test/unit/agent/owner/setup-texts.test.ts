import { expect, test } from 'vitest'
import { agentSetup, shellWord, slug, tokenSetup } from '../../../../agent/owner/setup-texts.ts'

test('agentSetup() gives the token as a variable, in the words of the machine’s shell', () => {
  expect(agentSetup('t.o.k', 'prog', 'linux')).toContain('  export MCP_EDGE_TOKEN=t.o.k\n  prog -- npx')
  expect(agentSetup('t.o.k', 'prog', 'win32')).toContain("  $env:MCP_EDGE_TOKEN = 't.o.k'\n")
})

test('tokenSetup() shows a file of servers that is JSON', () => {
  const text = tokenSetup({ name: 'my docs', url: 'https://r/mcp' }, 'tok')
  expect(JSON.parse(text.slice(text.indexOf('{')))).toEqual({
    mcpServers: { 'my-docs': { type: 'http', url: 'https://r/mcp', headers: { Authorization: 'Bearer tok' } } },
  })
})

test.each([
  ['docs', 'docs'],
  ['Ann’s notes (2)', 'Ann-s-notes-2'],
  ['日本', 'share'],
  ['-rf', 'rf'],
  ['x; rm -rf /', 'x-rm--rf'],
])('slug() makes of %j a name that is no more than that', (name, made) => {
  expect(slug(name)).toBe(made)
})

test('shellWord() quotes what a shell would read as more than a word', () => {
  expect(shellWord('docs-1.2')).toBe('docs-1.2')
  expect(shellWord("it's $(x)")).toBe("'it'\\''s $(x)'")
})
