import { formatListen, type HubOptions } from '../hub/hub-options.ts';
import { type RunningHub, startHub } from '../hub/start-hub.ts';
import { EXIT } from '../lib/errors.ts';
import { createLogger } from '../lib/log.ts';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';
import type { CliContext } from './context.ts';
import { parseArgs } from './define-command.ts';
import { type HubFlags, hubOptions, makeHubCommand } from './hub/hub-flags.ts';

/** For people: where everything is, and what to type next. */
function welcome(hub: RunningHub, { grpc, certificate }: HubOptions): string {
  const rpc = `${certificate === undefined ? 'http' : 'https'}://${formatListen({ ...grpc, port: hub.grpcPort })}`;
  const { registrationToken, adminToken, issued } = hub.tokens;
  const quoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`);
  return [
    'The hub is up.',
    `  page and interface   ${hub.publicUrl}`,
    `  workers and agents   ${rpc}`,
    `  token for workers    ${registrationToken}`,
    `  token for people     ${adminToken}`,
    ...(issued === undefined ? [] : [`  admin token, shown this once: ${issued.reveal()}`]),
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
  const command = makeHubCommand();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<HubFlags>();
  const options = await hubOptions(flags, context);
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
