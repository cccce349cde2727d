import { expect, test } from 'vitest'
import { agentCommand } from '../../../../agent/config/options.ts'
import { optionWarnings } from '../../../../agent/config/warnings.ts'

test('optionWarnings() names what --env passes on and is not set, and variables that look like ours', () => {
  const own = {
    SET: '',
    MCP_EDGE_TOKEN: 't',
    MCP_EDGE_MAX_CHILDREN: '1',
    MCP_EDGE_JSON: '1',
    MCP_EDGE_MAX_CHILD: '1',
    MCP_EDGE_OWNER_TOKEN: 'o',
  }
  expect(optionWarnings(agentCommand(), ['SET', 'UNSET', 'GIVEN=1'], own)).toEqual([
    '--env UNSET: no such variable is set here, so the server gets none',
    'MCP_EDGE_MAX_CHILD is no variable of the agent: see --help',
  ])
})
