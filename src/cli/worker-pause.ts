import { AppError, EXIT } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { pauseWorker } from '../worker/pause.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { durationFlag } from './duration-flag.ts';
import { plainSwitches } from './go-switches.ts';
import { addCommonFlags, type CommonFlags } from './worker/common-flags.ts';
import { loadOptions } from './worker/load-options.ts';
import { PAUSE_EXIT, pauseDepsOf, tellUnknown } from './worker/pause-parts.ts';

interface Flags extends CommonFlags {
  readonly wait?: boolean;
  readonly timeout?: number;
}

function defineWorkerPause() {
  const command = defineCommand({
    name: 'worker pause',
    summary: 'Let a worker get no new tasks; what runs goes on. Resume it with `pwagent worker resume`.',
    examples: [
      ['pwagent worker pause -f worker.yml --wait --timeout 1h && reboot', 'before maintenance'],
      ['pwagent worker pause --name mac-7 --token-file t --rpc-endpoint https://hub.example', 'from another machine'],
    ],
  });
  return addCommonFlags(command)
    .option('--wait', 'wait until none of its tasks runs')
    .option(
      '--timeout <duration>',
      'with --wait: end with 4 after so long, such as 90s or 1h (default: no limit)',
      durationFlag,
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 paused, 3 the hub does not know the worker, 4 time-out, 75 interrupted, 77 refused.',
    );
}

/** `pwagent worker pause`: 0, 3 for an unknown worker, 4 for a time-out, 69 without an answer, 75 when interrupted. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineWorkerPause();
  const done = parseArgs(command, plainSwitches(args, ['wait', 'debug']), context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  if (flags.timeout !== undefined && flags.wait !== true)
    throw new AppError('USAGE', '--timeout is about --wait, which is not there', { hint: 'add --wait' });
  const { options, warnings } = loadOptions(flags, context.env);
  const deps = pauseDepsOf(context, warnings);
  const late = new AbortController();
  const stopTimer = flags.timeout === undefined ? () => {} : systemClock.after(flags.timeout, () => late.abort());
  try {
    const signal = AbortSignal.any([context.stop, late.signal]);
    const unknown = await pauseWorker(options, flags.wait === true, deps, signal);
    if (unknown.length > 0) return tellUnknown(options.name, unknown, context);
    const idle = flags.wait ? ', and none of its tasks runs' : '';
    context.stdout.write(`worker ${options.name} is paused${idle}\n`);
    return EXIT.ok;
  } catch (error) {
    if (context.stop.aborted)
      throw new AppError('TEMPORARY', 'interrupted; the worker may be paused, with tasks running');
    if (!late.signal.aborted) throw error;
    context.stderr.write(
      `pwagent: the time is up, and worker ${options.name} is not known to be paused and without tasks\n`,
    );
    return PAUSE_EXIT.timedOut;
  } finally {
    stopTimer();
  }
}
