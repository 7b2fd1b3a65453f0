import { AppError, EXIT } from '../lib/errors.ts';
import { resumeWorker } from '../worker/pause.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { plainSwitches } from './go-switches.ts';
import { addCommonFlags, type CommonFlags } from './worker/common-flags.ts';
import { loadOptions } from './worker/load-options.ts';
import { pauseDepsOf, tellUnknown } from './worker/pause-parts.ts';

function defineWorkerResume() {
  const command = defineCommand({
    name: 'worker resume',
    summary: 'Let a paused worker get tasks again.',
    examples: [['pwagent worker resume -f worker.yml', 'after maintenance']],
  });
  return addCommonFlags(command).addHelpText(
    'after',
    '\nExit codes: 0 resumed, 3 the hub does not know the worker, 77 refused.',
  );
}

/** `pwagent worker resume`: 0, 3 for an unknown worker, 69 without an answer, 75 when interrupted. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineWorkerResume();
  const done = parseArgs(command, plainSwitches(args, ['debug']), context);
  if (done !== undefined) return done;
  const { options, warnings } = loadOptions(command.opts<CommonFlags>(), context.env);
  try {
    const unknown = await resumeWorker(options, pauseDepsOf(context, warnings), context.stop);
    if (unknown.length > 0) return tellUnknown(options.name, unknown, context);
  } catch (error) {
    if (context.stop.aborted) throw new AppError('TEMPORARY', 'interrupted; the worker may still be paused');
    throw error;
  }
  context.stdout.write(`worker ${options.name} takes tasks again\n`);
  return EXIT.ok;
}
