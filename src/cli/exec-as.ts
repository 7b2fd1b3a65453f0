import { execAs, readExecOrder } from '../platform/exec-as.ts';
import type { CliContext } from './context.ts';

/** `pwagent exec-as`: how the supervisor starts a program as another user. Does not return. */
export async function run(_args: readonly string[], context: CliContext): Promise<number> {
  return execAs(readExecOrder(context.env));
}
