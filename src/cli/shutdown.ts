import type { CliContext } from './context.ts';
import { operate } from './operate.ts';

/** `pwagent shutdown --reason TEXT` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return operate('shutdown', args, context);
}
