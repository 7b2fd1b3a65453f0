import { resolve } from 'node:path';
import { EXIT } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { runDemo } from './demo/run-demo.ts';

interface Flags {
  readonly dir: string;
  readonly once?: boolean;
}

/** `pwagent demo [--once] [--dir FOLDER]`: 0 after Ctrl-C, with --once the build's result. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineCommand({
    name: 'demo',
    summary:
      'See the whole product at work: a hub, a supervisor that would power nothing off, and a worker, all on this machine ' +
      'and in a temporary folder; they run the .cirrus.yml of a work tree, then keep serving until Ctrl-C.',
    examples: [
      ['pwagent demo', 'the .cirrus.yml of this folder, or a small sample where there is none'],
      ['pwagent demo --once --dir ~/project', "another folder; exit with the build's result"],
    ],
  })
    .option('--dir <folder>', 'the work tree', '.')
    .option('--once', "exit with the build's result instead of serving on");
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const passed = await runDemo({ folder: resolve(flags.dir), once: flags.once ?? false }, context);
  return passed ? EXIT.ok : EXIT.jobFailed;
}
