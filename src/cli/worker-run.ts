import { Option } from 'commander';
import { formatDuration } from '../lib/duration.ts';
import { EXIT } from '../lib/errors.ts';
import { systemClock } from '../platform/clock.ts';
import { BUILD } from '../platform/version.ts';
import { startTelemetry } from '../worker/telemetry/start-telemetry.ts';
import { DRAIN_MS, type WorkerEnd } from '../worker/worker.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { durationFlag } from './duration-flag.ts';
import { plainSwitches } from './go-switches.ts';
import { buildWorker } from './worker/build-worker.ts';
import { addCommonFlags } from './worker/common-flags.ts';
import { openLog } from './worker/open-log.ts';
import { type RunFlags, startByHand, startSupervised } from './worker/start.ts';
import { settleUser, type UserFlags } from './worker/worker-user.ts';

interface Flags extends RunFlags, UserFlags {
  readonly supervised?: boolean;
  readonly drainTimeout?: number;
}

const SWITCHES = ['debug', 'ephemeral', 'exit-on-refusal', 'user-coarse-grained'];

function defineWorkerRun() {
  const command = defineCommand({
    name: 'worker run',
    summary: 'Take tasks from a hub and run them on this machine, until stopped.',
    examples: [
      ['pwagent worker run --token-file hub-data/registration-token', 'beside a local hub'],
      ['pwagent worker run -f worker.yml --labels rack=7,xcode=16', 'with a file and two labels'],
      [
        'pwagent worker run --token-file t --rpc-endpoint https://hub.example:443 --resources tart-vms=2',
        'a remote hub',
      ],
    ],
  });
  return addCommonFlags(command)
    .option('--ephemeral', 'run one task, then take leave of the hub and end')
    .option('--exit-on-refusal', 'end with 69 when the hub refuses this worker for good, instead of trying on')
    .option(
      '--drain-timeout <duration>',
      `on SIGTERM: how long running tasks may go on before they are cancelled (default: ${formatDuration(DRAIN_MS)})`,
      durationFlag,
    )
    .option('--user <name>', 'macOS, as root: become this user before anything is read')
    .option('--user-coarse-grained', 'macOS, with --user: stay root, and run the agents alone as that user')
    .addOption(new Option('--supervised').hideHelp())
    .addHelpText(
      'after',
      `
Exit codes: 0 every task has ended, or the hub asked the worker to leave; 75 tasks had to be cancelled; 78 configuration;
69 refused, with --exit-on-refusal.`,
    );
}

const EXIT_OF_END: Readonly<Record<WorkerEnd, number>> = {
  finished: EXIT.ok,
  'tasks-cancelled': EXIT.temporary,
  refused: EXIT.unavailable,
};

/** `pwagent worker run`: 0 after a finished drain or the server's shutdown, 75 when tasks had to be cancelled, 69 when refused with --exit-on-refusal, 78 for configuration. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineWorkerRun();
  const done = parseArgs(command, plainSwitches(args, SWITCHES), context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const { own, agentUser } = settleUser(flags, context);
  const start = flags.supervised ? await startSupervised(own) : startByHand(flags, own);
  const log = openLog(start.options.log, own);
  for (const warning of start.warnings) log.warn(warning);
  const { options, orders } = start;
  log.info('worker starts', {
    worker: options.name,
    endpoints: options.upstreams.map(({ endpoint }) => endpoint.text),
    resources: options.resources,
  });
  const telemetry = await startTelemetry(own.env, `${BUILD.version}-${BUILD.commit}`, log, systemClock);
  const drainMs = orders === undefined ? (flags.drainTimeout ?? DRAIN_MS) : 0; // a supervisor drains its worker before it stops it
  const { worker, end: endParts } = buildWorker({ ...start, telemetry, agentUser, drainMs }, log, own);
  orders?.onPause((paused) => worker.setPaused(paused));
  const stop = orders === undefined ? context.stop : AbortSignal.any([context.stop, orders.gone]);
  const end = await worker.run(stop, context.hurry);
  endParts();
  await telemetry.stop();
  log.info('worker ended', { end });
  return EXIT_OF_END[end];
}
