/** The vendors' command lines that are tried. */
import { claudeCode } from './claude-code.ts'
import { codex } from './codex.ts'
import type { CommandLine } from './command-line.ts'
import { geminiCli } from './gemini-cli.ts'

export const COMMAND_LINES: readonly CommandLine[] = [claudeCode, geminiCli, codex]
