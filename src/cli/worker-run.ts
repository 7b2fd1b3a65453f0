import { Option } from 'commander';
import { EXIT } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import { childChannel } from '../platform/control-channel.ts';
import { defaultWorkerName } from '../platform/host.ts';
import { makeUndumpable } from '../platform/privileges.ts';
import type { WorkerOptions } from '../worker/configuration/options.ts';
import { resolveWorkerOptions } from '../worker/configuration/resolve-options.ts';
import { parseWorkerFile } from '../worker/configuration/worker-file.ts';
import { channelLink, noLink, type WorkerLink } from '../worker/link.ts';
import { listenToSupervisor, type Orders } from '../worker/supervised.ts';
import type { WorkerEnd } from '../worker/worker.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { buildWorker } from './worker/build-worker.ts';
import {
  addCommonFlags,
  type CommonFlags,
  readWorkerFile,
  settingsOfEnvironment,
  settingsOfFlags,
} from './worker/common-flags.ts';
import { openLog } from './worker/open-log.ts';

interface Flags extends CommonFlags {
  readonly ephemeral?: boolean;
  readonly exitOnRefusal?: boolean;
  readonly supervised?: boolean;
}

/** What a worker starts from, whether a person or a supervisor started it. */
interface Start {
  readonly options: WorkerOptions;
  readonly passEnvironment: readonly string[];
  readonly link: WorkerLink;
  readonly orders: Orders | undefined;
}

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
    .addOption(new Option('--supervised').hideHelp());
}

function startByHand(flags: Flags, context: CliContext): Start {
  const file = readWorkerFile(flags, context.env);
  const { ephemeral, exitOnRefusal } = flags;
  const ofFlags = Object.entries(settingsOfFlags(flags)).filter(([, value]) => value !== undefined);
  const settings = { ...settingsOfEnvironment(context.env), ...Object.fromEntries(ofFlags), ephemeral, exitOnRefusal };
  const options = resolveWorkerOptions(file, settings, defaultWorkerName());
  return { options, passEnvironment: [], link: noLink, orders: undefined };
}

async function startSupervised({ env }: CliContext): Promise<Start> {
  makeUndumpable(); // before the token is in memory: tasks run as this very user
  const channel = childChannel();
  const orders = listenToSupervisor(channel);
  const { name, configFile, configText, token, passEnvironment } = await orders.setup;
  const given = token === null ? undefined : { value: new Secret(token), from: "the supervisor's worker.token-file" };
  const options = resolveWorkerOptions(parseWorkerFile(configText, configFile, env), { token: given }, name);
  return { options, passEnvironment, link: channelLink(channel), orders };
}

const EXIT_OF_END: Readonly<Record<WorkerEnd, number>> = {
  finished: EXIT.ok,
  'tasks-cancelled': EXIT.temporary,
  refused: EXIT.unavailable,
};

/** `pwagent worker run`: 0 after a finished drain or the server's shutdown, 75 when tasks had to be cancelled, 69 when refused with --exit-on-refusal, 78 for configuration. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineWorkerRun();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const start = flags.supervised ? await startSupervised(context) : startByHand(flags, context);
  const log = openLog(start.options.log, context);
  if (flags.token !== undefined)
    log.warn('--token shows the token to every user of this machine; --token-file does not');
  const { options, orders } = start;
  log.info('worker starts', {
    worker: options.name,
    endpoint: options.upstreams[0].endpoint.text,
    resources: options.resources,
  });
  const worker = buildWorker({ ...start, supervised: orders !== undefined }, log, context);
  orders?.onPause((paused) => worker.setPaused(paused));
  const stop = orders === undefined ? context.stop : AbortSignal.any([context.stop, orders.gone]);
  const end = await worker.run(stop, context.hurry);
  log.info('worker ended', { end });
  return EXIT_OF_END[end];
}
