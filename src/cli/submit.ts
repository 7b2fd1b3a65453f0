import { resolve } from 'node:path';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';
import { rootsFrom } from '../rpc/tls.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { submitAndFollow } from './submit/submit-and-follow.ts';
import { hubAddress, readToken, type SubmitOptions } from './submit/submit-options.ts';
import { parseVariable } from './variable-flag.ts';

interface Flags {
  readonly hub: string;
  readonly tokenFile?: string;
  readonly dir: string;
  readonly file: string;
  readonly env: readonly string[];
  readonly json: boolean;
  readonly follow: boolean;
}

function defineSubmit() {
  return defineCommand({
    name: 'submit',
    summary:
      'Run the .cirrus.yml of a work tree on a hub and follow its logs. Exits 0 when the build passed, 1 when not.',
    examples: [
      ['pwagent submit --token-file data/admin-token', 'this folder, on the hub of this machine'],
      ['pwagent submit --dir ~/project --hub https://hub.example --token-file ~/.hub-token', 'another folder and hub'],
      ['pwagent submit --token-file data/admin-token --json', 'for machines: one object at the end'],
    ],
  })
    .option('--hub <url>', 'address of the hub', 'http://127.0.0.1:7480')
    .option('--token-file <file>', 'file with an API token; without it, the variable PWAGENT_HUB_TOKEN counts')
    .option('--dir <folder>', 'the work tree: what git knows or does not ignore is sent', '.')
    .option('-f, --file <file>', 'the configuration, relative to the work tree', '.cirrus.yml')
    .option(
      '-e, --env <name=value>',
      'a variable for all tasks (repeat for more)',
      (word, all: string[]) => [...all, word],
      [],
    )
    .option('--json', 'print nothing but one JSON object, at the end', false)
    .option('--no-follow', 'return as soon as the build is started');
}

/** `pwagent submit [--hub URL] [--token-file F] [--dir WORKTREE] [-f FILE] [-e NAME=VALUE]... [--json] [--no-follow]` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineSubmit();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const options: SubmitOptions = {
    hub: hubAddress(flags.hub),
    token: await readToken(flags.tokenFile, context.env),
    folder: resolve(flags.dir),
    file: flags.file,
    variables: Object.fromEntries(flags.env.map((word) => parseVariable(word, context.env))),
    json: flags.json,
    follow: flags.follow,
  };
  const certFile = context.env.SSL_CERT_FILE ?? '';
  const roots = options.hub.startsWith('https:') && certFile !== '' ? rootsFrom(certFile) : [];
  const { exitCode } = await submitAndFollow(options, context, { clock: systemClock, random: systemRandom, roots });
  return exitCode;
}
