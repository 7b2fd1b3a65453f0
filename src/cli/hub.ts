import { resolve } from 'node:path';
import { DATABASE_VARIABLE, databaseAddress } from '../hub/database-options.ts';
import {
  defaultDataFolder,
  formatListen,
  type HubOptions,
  parseListen,
  parsePublicUrl,
  readCertificate,
} from '../hub/hub-options.ts';
import { type RunningHub, startHub } from '../hub/start-hub.ts';
import { AppError, EXIT } from '../lib/errors.ts';
import { createLogger, LOG_LEVELS } from '../lib/log.ts';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';

interface Flags {
  readonly listen: string;
  readonly grpc: string;
  readonly data?: string;
  readonly database?: string;
  readonly databasePasswordFile?: string;
  readonly shared?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly publicUrl?: string;
  readonly logLevel: string;
}

function makeCommand() {
  return defineCommand({
    name: 'hub',
    summary:
      'Serve a control plane: workers poll it for tasks, `pwagent submit` gives it builds, and its page shows them.\n' +
      'The first start makes a data folder with a registration token for workers and an admin token for people.',
    examples: [
      ['pwagent hub', 'for this machine alone'],
      ['pwagent hub --data /var/lib/pwagent-hub --listen 10.0.0.5:7480 --grpc 10.0.0.5:7481', 'for a private network'],
      ['pwagent hub --listen 10.0.0.5:443 --tls-cert hub.pem --tls-key hub.key', 'with TLS'],
    ],
  })
    .option(
      '--listen <host:port>',
      'address of the page, the HTTP interface and the source of builds',
      '127.0.0.1:7480',
    )
    .option('--grpc <host:port>', 'address for workers and agents', '127.0.0.1:7481')
    .option('--data <dir>', 'folder for database, tokens and work trees (default: a folder below your home)')
    .option('--database <url>', `PostgreSQL database, for several hubs behind one address; also ${DATABASE_VARIABLE}`)
    .option('--database-password-file <file>', 'file with the password of that database')
    .option(
      '--shared <dir>',
      'folder that all hubs on that database see, for work trees, logs, caches (default: --data)',
    )
    .option('--tls-cert <file>', 'PEM certificate chain; serves both addresses with TLS')
    .option('--tls-key <file>', 'PEM private key of that certificate')
    .option('--public-url <url>', 'how people and tasks reach the HTTP address (default: where it listens)')
    .option('--log-level <level>', `one of ${Object.keys(LOG_LEVELS).join(', ')}`, 'info');
}

async function optionsOf(flags: Flags, context: CliContext): Promise<HubOptions> {
  if (!Object.hasOwn(LOG_LEVELS, flags.logLevel)) {
    const hint = `use one of ${Object.keys(LOG_LEVELS).join(', ')}`;
    throw new AppError('USAGE', `--log-level "${flags.logLevel}" is not a level`, { hint });
  }
  return {
    listen: parseListen(flags.listen, '--listen'),
    grpc: parseListen(flags.grpc, '--grpc'),
    dataFolder: resolve(flags.data ?? defaultDataFolder(context.env, process.platform)), // children run elsewhere
    sharedFolder: flags.shared === undefined ? undefined : resolve(flags.shared),
    database: await databaseAddress(flags, context.env),
    certificate: await readCertificate(flags.tlsCert, flags.tlsKey),
    publicUrl: flags.publicUrl === undefined ? undefined : parsePublicUrl(flags.publicUrl),
  };
}

/** For people: where everything is, and what to type next. */
function welcome(hub: RunningHub, { grpc, certificate }: HubOptions): string {
  const rpc = `${certificate === undefined ? 'http' : 'https'}://${formatListen({ ...grpc, port: hub.grpcPort })}`;
  const { registrationToken, adminToken } = hub.tokens;
  const quoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
  return [
    'The hub is up.',
    `  page and interface   ${hub.publicUrl}`,
    `  workers and agents   ${rpc}`,
    `  token for workers    ${registrationToken}`,
    `  token for people     ${adminToken}`,
    '',
    'Next, in two other terminals (the second one in a folder with a .cirrus.yml):',
    `  pwagent worker run --token-file ${quoted(registrationToken)} --rpc-endpoint ${rpc}`,
    `  pwagent submit --hub ${hub.publicUrl} --token-file ${quoted(adminToken)}`,
    '',
    '',
  ].join('\n');
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** `pwagent hub` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = makeCommand();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const options = await optionsOf(flags, context);
  const log = createLogger({
    level: flags.logLevel,
    format: context.stderr.isTty ? 'text' : 'json',
    colour: context.stderr.colour,
    write: context.stderr.write,
  }).child({ component: 'hub' });
  const deps = { clock: systemClock, random: systemRandom, log, env: context.env };
  const hub = await startHub(options, deps, context.stop);
  context.stdout.write(welcome(hub, options));
  await untilAborted(context.stop);
  log.info('stopping', { reason: String(context.stop.reason) });
  await hub.stop(context.hurry);
  log.info('stopped');
  return EXIT.ok;
}
