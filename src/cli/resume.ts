import type { CliContext } from './context.ts';
import { operate } from './operate.ts';

/** `pwagent resume --reason TEXT` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return operate('resume', args, context);
}
