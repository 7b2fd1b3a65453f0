import { Option } from 'commander';
import { createNoneInstance } from '../isolation/none/none-isolation.ts';
import { EXIT } from '../lib/errors.ts';
import { createLogger, type Logger } from '../lib/log.ts';
import { systemClock } from '../platform/clock.ts';
import { childChannel } from '../platform/control-channel.ts';
import { defaultWorkerName, tempFolder } from '../platform/host.ts';
import { openLogFile } from '../platform/log-file.ts';
import { makeUndumpable } from '../platform/privileges.ts';
import { systemRandom } from '../platform/random.ts';
import { selfCommand } from '../platform/self.ts';
import { readSecretFile, readSmallFile } from '../platform/text-file.ts';
import { connect } from '../rpc/client.ts';
import { rootsFrom } from '../rpc/tls.ts';
import { agentEnvironment } from '../worker/agent-environment.ts';
import {
  parseWorkerFile,
  resolveWorkerOptions,
  type WorkerFlags,
  type WorkerOptions,
} from '../worker/configuration.ts';
import { collectAmounts, collectLabels } from '../worker/flags.ts';
import { channelLink, noLink, type WorkerLink } from '../worker/link.ts';
import { listenToSupervisor, type Orders } from '../worker/supervised.ts';
import { CANCEL_GRACE_MS, Worker } from '../worker/worker.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';

interface Flags extends WorkerFlags {
  readonly file?: string;
  readonly tokenFile?: string;
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
  return defineCommand({
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
  })
    .option('-f, --file <path>', 'YAML configuration: token, name, labels, resources, rpc.endpoint, log')
    .option('--name <name>', 'name of this worker, unique in its pool (default: the host name)')
    .option('--token-file <path>', 'file that holds the registration token of the pool')
    .option('--token <token>', 'the token itself; other users of this machine can see it, so prefer --token-file')
    .option('--labels <key=value>', 'labels for scheduling, repeatable or comma-separated', collectLabels)
    .option('--resources <key=number>', 'resources for scheduling, repeatable or comma-separated', collectAmounts)
    .option('--rpc-endpoint <url>', 'the hub, http://host:port or https://host:port (default: http://127.0.0.1:7481)')
    .addOption(new Option('--supervised').hideHelp());
}

function startByHand(flags: Flags, context: CliContext): Start {
  const file =
    flags.file === undefined ? {} : parseWorkerFile(readSmallFile(flags.file, 'configuration file'), flags.file);
  const token = flags.tokenFile === undefined ? flags.token : readSecretFile(flags.tokenFile, 'token file');
  const fromEnvironment = {
    token: context.env.PWAGENT_TOKEN,
    name: context.env.PWAGENT_NAME,
    rpcEndpoint: context.env.PWAGENT_RPC_ENDPOINT,
  };
  const known = {
    ...flags,
    token: token ?? fromEnvironment.token,
    name: flags.name ?? fromEnvironment.name,
    rpcEndpoint: flags.rpcEndpoint ?? fromEnvironment.rpcEndpoint,
  };
  return {
    options: resolveWorkerOptions(file, known, defaultWorkerName()),
    passEnvironment: [],
    link: noLink,
    orders: undefined,
  };
}

async function startSupervised(): Promise<Start> {
  makeUndumpable(); // before the token is in memory: tasks run as this very user
  const channel = childChannel();
  const orders = listenToSupervisor(channel);
  const { name, configFile, configText, token, passEnvironment } = await orders.setup;
  const options = resolveWorkerOptions(parseWorkerFile(configText, configFile), { token: token ?? undefined }, name);
  return { options, passEnvironment, link: channelLink(channel), orders };
}

function openLog(options: WorkerOptions, context: CliContext): Logger {
  const { stderr } = context;
  const write = options.logFile === undefined ? (line: string) => stderr.write(line) : openLogFile(options.logFile);
  return createLogger({
    level: options.logLevel,
    format: 'text',
    colour: options.logFile === undefined && stderr.colour,
    write,
  });
}

function buildWorker({ options, passEnvironment, link }: Start, log: Logger, context: CliContext): Worker {
  const agentCommand = [...selfCommand(), 'agent'];
  const none = { agentCommand, temporary: tempFolder(), cancelGraceMs: CANCEL_GRACE_MS, clock: systemClock, log };
  return new Worker(options, {
    client: connect(options.endpoint, rootsFrom(context.env.SSL_CERT_FILE)),
    agentEnvironment: agentEnvironment(context.env, passEnvironment),
    createNoneInstance: () => createNoneInstance(none),
    ...{ link, log, clock: systemClock, random: systemRandom },
  });
}

/** `pwagent worker run`: 0 after a finished drain or the server's shutdown, 75 when tasks had to be cancelled, 78 for configuration. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineWorkerRun();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const start = flags.supervised ? await startSupervised() : startByHand(flags, context);
  const log = openLog(start.options, context);
  if (flags.token !== undefined)
    log.warn('--token shows the token to every user of this machine; --token-file does not');
  const { options, orders } = start;
  log.info('worker starts', { worker: options.name, endpoint: options.endpoint.text, resources: options.resources });
  const worker = buildWorker(start, log, context);
  orders?.onPause((paused) => worker.setPaused(paused));
  const stop = orders === undefined ? context.stop : AbortSignal.any([context.stop, orders.gone]);
  const end = await worker.run(stop, context.hurry);
  log.info('worker ended', { end });
  return end === 'tasks-cancelled' ? EXIT.temporary : EXIT.ok;
}
