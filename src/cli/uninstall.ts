import { uninstall } from '../install/install.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { depsOf, type Machine, thisMachine } from './install/world.ts';

/** `pwagent uninstall [--dry-run] [--root DIR]`. `machine` is a parameter for tests. */
export async function run(args: readonly string[], context: CliContext, machine: Machine = thisMachine) {
  const command = defineCommand({
    name: 'uninstall',
    summary: 'Take pwagent off this machine. Configuration, token, journal and account stay. The machine is not ended.',
    examples: [['pwagent uninstall --dry-run', 'tell what would be removed']],
  })
    .option('--dry-run', 'print the plan, change nothing')
    .option('--root <folder>', 'the machine is staged below this folder', '/');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const { dryRun, root } = command.opts<{ dryRun?: boolean; root: string }>();
  return uninstall(dryRun === true, depsOf({ root }, context, machine), context.stop);
}
