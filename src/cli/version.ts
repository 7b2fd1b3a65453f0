import { EXIT } from '../lib/errors.ts';
import { BUILD } from '../platform/version.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';

/** `pwagent version [--json]` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineCommand({
    name: 'version',
    summary: 'Print version and commit.',
    examples: [['pwagent version --json', 'for machines']],
  }).option('--json', 'print one JSON object');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const text = command.opts().json ? JSON.stringify(BUILD) : `pwagent ${BUILD.version} (${BUILD.commit})`;
  context.stdout.write(`${text}\n`);
  return EXIT.ok;
}
