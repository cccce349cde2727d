/** The doors of servers that have names: behind a path that names one by what may be no name there is nothing. Pure. */
import { isServerName } from '../../protocol/server-names.ts'
import { problemResponse } from '../problem.ts'
import type { McpContext } from './visitor.ts'

type Door = (c: McpContext) => Response | Promise<Response>

/** The door of a server that has a name: whether its share has it is for whoever comes in to find out. */
export function ofServer(handle: Door): Door {
  return (c) => (isServerName(c.req.param('server') ?? '') ? handle(c) : problemResponse('ROUTE_NOT_FOUND'))
}
