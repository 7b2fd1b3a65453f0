import { workerText } from '../install/configuration-text.ts';
import { install } from '../install/install.ts';
import { parseTokenSource } from '../install/token-source.ts';
import { AppError } from '../lib/errors.ts';
import { Secret } from '../lib/secret.ts';
import { defaultWorkerName } from '../platform/host.ts';
import { selfCommand } from '../platform/self.ts';
import { readSecretFile, readSmallFile } from '../platform/text-file.ts';
import { parseEndpoint } from '../rpc/endpoint.ts';
import { defaultWorkerUser } from '../supervisor/worker-plan.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { depsOf, type Machine, thisMachine } from './install/world.ts';

interface Flags {
  readonly image?: boolean;
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly name?: string;
  readonly user?: string;
  readonly config?: string;
  readonly workerConfig?: string;
  readonly rpcEndpoint?: string;
  readonly tokenFile?: string;
  readonly tokenSource?: string;
  readonly awsEndpoint?: string;
  readonly binary?: string;
  readonly root: string;
}

function command() {
  return defineCommand({
    name: 'install',
    summary:
      'Install pwagent on this machine: executable, user, configuration, marker, services. Changes only what differs.',
    examples: [
      ['pwagent install --dry-run', 'tell what would be done'],
      ['pwagent install --token-source ssm:/pool/token --rpc-endpoint https://hub:7481', 'on an EC2 Mac'],
      ['pwagent install --image', 'prepare a machine image: nothing is started'],
    ],
  })
    .option('--dry-run', 'print the plan, change nothing')
    .option('--replace', 'end what an older set-up of shell scripts left; without it that is only listed')
    .option('--image', 'prepare a machine image: any instance of it may be ended, nothing is started')
    .option('--name <name>', 'name of the worker (default: the Name tag, else the host name)')
    .option('--user <name>', 'account of the worker (default: NAME-worker)')
    .option('--config <file>', 'supervisor configuration to put in place; an existing one is never overwritten')
    .option('--worker-config <file>', 'worker.yml to put in place; an existing one is never overwritten')
    .option('--rpc-endpoint <url>', 'the hub, for a worker.yml that is written')
    .option('--token-file <file>', 'file with the registration token of the pool')
    .option('--token-source <source>', 'ssm:NAME or secretsmanager:NAME, read with the role of the instance')
    .option('--binary <file>', 'executable to install (default: this one)')
    .option('--root <folder>', 'stage everything below this folder instead; nothing is started', '/')
    .option('--aws-endpoint <url>', 'where AWS calls go instead of the public endpoints');
}

/** The executable itself; a checkout has none to install. */
function ownBinary(): string {
  const [program = '', ...rest] = selfCommand();
  if (rest.length === 0) return program;
  throw new AppError('CONFIG', 'this is a checkout, not an executable', {
    hint: 'build one with `npm run build` and run its install, or name it with --binary',
  });
}

function workerConfigOf({ workerConfig, rpcEndpoint }: Flags): string | undefined {
  if (workerConfig !== undefined && rpcEndpoint !== undefined) {
    throw new AppError('USAGE', '--worker-config and --rpc-endpoint exclude each other', { hint: 'keep one of them' });
  }
  if (workerConfig !== undefined) return readSmallFile(workerConfig, 'the worker configuration');
  if (rpcEndpoint === undefined) return undefined;
  parseEndpoint(rpcEndpoint); // throws what is wrong with it
  return workerText(rpcEndpoint);
}

/** `pwagent install`. `machine` is a parameter for tests. */
export async function run(args: readonly string[], context: CliContext, machine: Machine = thisMachine) {
  const program = command();
  const done = parseArgs(program, args, context);
  if (done !== undefined) return done;
  const flags = program.opts<Flags>();
  const { tokenFile, tokenSource, config } = flags;
  const deps = depsOf(flags, context, machine);
  if (tokenFile !== undefined && tokenSource !== undefined) {
    throw new AppError('USAGE', '--token-file and --token-source exclude each other', { hint: 'keep one of them' });
  }
  const request = {
    image: flags.image === true,
    dryRun: flags.dryRun === true,
    replace: flags.replace === true,
    name: flags.name,
    user: flags.user,
    configText: config === undefined ? undefined : readSmallFile(config, 'the configuration'),
    workerText: workerConfigOf(flags),
    token: tokenFile === undefined ? undefined : new Secret(readSecretFile(tokenFile, 'the token file')),
    tokenSource: tokenSource === undefined ? undefined : parseTokenSource(tokenSource),
    binary: flags.binary ?? ownBinary(),
    userOf: defaultWorkerUser,
    hostName: defaultWorkerName(),
  };
  return install(request, deps, context.stop);
}
