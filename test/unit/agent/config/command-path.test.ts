import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { requireCommand } from '../../../../agent/config/command-path.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcp-edge-command-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string, mode = 0o755): void {
  writeFileSync(join(folder, name), text)
  chmodSync(join(folder, name), mode)
}

file('plain', 'echo hi\n')
file('shell', '#!/bin/sh\n')
file('spaced', '#! /bin/sh -e\n')
file('by-env', '#!/usr/bin/env -S FOO=1 plain --flag\n')
file('by-quoted', '#!/usr/bin/env -S "plain" --flag\n')
file('by-variable', '#!/usr/bin/env -S ${RUNTIME} --flag\n')
file('by-joined', '#!/usr/bin/env -Splain server.py\n')
file('by-unset', '#!/usr/bin/env -S -u RUNTIME plain\n')
file('by-other-path', '#!/usr/bin/env -S PATH=/opt/nowhere python3\n')
for (const name of ['first', 'second']) mkdirSync(join(folder, name))
file('first/twice', '#!/opt/nowhere/python3\n')
file('second/twice', '#!/bin/sh\n')
symlinkSync('loop', join(folder, 'loop'))
file('no-line-end', '#!/bin/sh')
file('gone', '#!/opt/nowhere/python3\nprint(1)\n')
file('gone-env', '#!/usr/bin/env nowhere-python\n')
file('windows', '#!/bin/sh\r\necho hi\r\n')
file('not-executable', 'print(1)\n', 0o644)
mkdirSync(join(folder, 'folder'))

function look(command: string, args: readonly string[] = []): void {
  requireCommand({ command, args, cwd: folder }, { PATH: `/nowhere:${folder}:${folder}/first:${folder}/second` }, 'linux')
}

const byEnv = ['by-env', 'by-quoted', 'by-variable', 'by-joined', 'by-unset', 'by-other-path']

test.each(['plain', './plain', 'shell', 'spaced', ...byEnv, 'twice', 'no-line-end'])('requireCommand() lets %s run', (command) => {
  expect(() => look(command)).not.toThrow()
})

test.each<[string, readonly string[], string]>([
  ['nowhere', [], 'was not found in PATH'],
  ['./nowhere', [], 'was not found.'],
  ['./folder', [], 'is a folder'],
  ['./loop', [], 'was not found.'],
  [`/bin/${'x'.repeat(300)} server`, [], 'was not found.'],
  ['./first/twice', [], 'is a script for /opt/nowhere/python3'],
  ['./not-executable', [], 'chmod +x'],
  ['./gone', [], 'is a script for /opt/nowhere/python3, which was not found'],
  ['gone-env', [], 'is a script for nowhere-python, which was not found in PATH'],
  ['windows', [], 'a line end of Windows'],
  ['http://localhost:3000/mcp', [], '--url http://localhost:3000/mcp'],
  ['--era', ['legacy', 'server'], 'Options stand before the two dashes'],
  ['npx -y server', [], 'leave the quotation marks out, as in -- npx -y server'],
])('requireCommand() says what is wrong with %s', (command, args, text) => {
  expect(() => look(command, args)).toThrow(
    expect.objectContaining({ code: 'COMMAND_NOT_FOUND', exit: 5, message: expect.stringContaining(text) as string }),
  )
})

test('requireCommand() leaves it to Windows, which looks in more places', () => {
  expect(() => requireCommand({ command: 'nowhere', args: [], cwd: folder }, {}, 'win32')).not.toThrow()
})
