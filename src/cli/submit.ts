import { resolve } from 'node:path';
import { AppError } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { chosenHub, requiredToken, rootsFor } from './hub-cli/connect-hub.ts';
import { createHubRequests } from './hub-cli/hub-request.ts';
import { submitAndFollow } from './submit/submit-and-follow.ts';
import type { BuildSource } from './submit/submit-options.ts';
import { parseVariable } from './variable-flag.ts';

interface Flags {
  readonly hub?: string;
  readonly tokenFile?: string;
  readonly dir?: string;
  readonly repo?: string;
  readonly rev?: string;
  readonly branch?: string;
  readonly file?: string;
  readonly env: readonly string[];
  readonly priority?: string;
  readonly json: boolean;
  readonly follow: boolean;
}

function defineSubmit() {
  return defineCommand({
    name: 'submit',
    summary:
      'Run the .cirrus.yml of a work tree, or of a revision of a repository, on a hub and follow its logs.\n' +
      'Exits 0 when the build passed, 1 when not.',
    examples: [
      ['pwagent submit --token-file data/admin-token', 'this folder, on the hub of this machine'],
      ['pwagent submit --dir ~/project --hub https://hub.example --token-file ~/.hub-token', 'another folder and hub'],
      [
        'pwagent submit --repo https://github.com/acme/app.git --rev 6dcb09b5b57875f334f61aebed695e2e4193db5e',
        'a commit',
      ],
      ['pwagent submit --repo https://github.com/acme/app.git --branch main', 'the newest commit of a branch'],
      ['pwagent submit --token-file data/admin-token --json', 'for machines: one object at the end'],
    ],
  })
    .option('--hub <url>', 'address of the hub (default: PWAGENT_HUB, else http://127.0.0.1:7480)')
    .option('--token-file <file>', 'file with an API token (default: PWAGENT_HUB_TOKEN, else that of your own hub)')
    .option('--dir <folder>', 'the work tree: what git knows or does not ignore is sent (default: .)')
    .option('--repo <url>', 'a repository instead: the hub reads the configuration there, and tasks clone it')
    .option('--rev <revision>', 'commit, branch or tag of the repository (default: the newest of the branch)')
    .option('--branch <name>', 'the branch that the commit is on (default: found out)')
    .option('-f, --file <file>', 'the configuration, relative to the work tree (default: .cirrus.yml)')
    .option(
      '-e, --env <name=value>',
      'a variable for all tasks (repeat for more)',
      (word, all: string[]) => [...all, word],
      [],
    )
    .option('--priority <number>', 'from -100 to 100; tasks of a higher one go first (default: 0)')
    .option('--json', 'print nothing but one JSON object, at the end', false)
    .option('--no-follow', 'return as soon as the build is started');
}

/** What of the flags says where the source is. Throws `AppError` (USAGE) for those that exclude each other. */
function sourceOf({ dir, repo, rev, branch, file }: Flags): BuildSource {
  if (repo === undefined) {
    const stray = rev !== undefined ? '--rev' : branch !== undefined ? '--branch' : undefined;
    if (stray !== undefined) throw new AppError('USAGE', `${stray} needs --repo`, { hint: 'name the repository' });
    return { kind: 'tree', folder: resolve(dir ?? '.'), file: file ?? '.cirrus.yml' };
  }
  if (dir === undefined) return { kind: 'repository', url: repo, rev, branch, file };
  throw new AppError('USAGE', '--dir and --repo exclude each other', { hint: 'keep one of them' });
}

function priorityOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (/^-?\d{1,3}$/.test(text) && value >= -100 && value <= 100) return value;
  throw new AppError('USAGE', `--priority "${text}" is not one`, { hint: 'write a whole number from -100 to 100' });
}

/** `pwagent submit [--dir WORKTREE | --repo URL [--rev REV] [--branch B]] [-f FILE] [-e NAME=VALUE]... [--json] …` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineSubmit();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const flags = command.opts<Flags>();
  const { env } = context;
  const hub = chosenHub(flags, env);
  const options = {
    source: sourceOf(flags),
    api: createHubRequests(hub, requiredToken(flags, hub, env), rootsFor(hub, env)),
    variables: Object.fromEntries(flags.env.map((word) => parseVariable(word, env))),
    priority: priorityOf(flags.priority),
    json: flags.json,
    follow: flags.follow,
  };
  const { exitCode } = await submitAndFollow(options, context);
  return exitCode;
}
