import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../../platform/environment.ts';
import { goOs } from '../../platform/host.ts';
import { randomToken } from '../../platform/random.ts';
import { rootsFrom } from '../../rpc/tls.ts';
import { Program, type ProgramEnd } from '../program/program.ts';
import { scriptEnvironment } from '../program/shell.ts';
import type { CloneAddress, Credentials } from './clone-address.ts';
import type { StepContext } from './instruction.ts';

/** What a git command printed is kept up to this length; only its end tells why it failed. */
const MAX_KEPT_BYTES = 64 * 1024;

/** Variables of git that are about the way to the server; all others could point it at somebody else's repository. */
const PASSED_GIT_VARIABLE = /^GIT_(?:SSH|SSH_COMMAND|SSL_\w+|PROXY_\w+|HTTP_\w+|TRACE\w*|CURL_VERBOSE)$/;

/** How git runs: no prompts, no configuration of the machine or the user, messages in English. */
export function gitEnvironment(process: Environment, task: Environment): Environment {
  const inherited = Object.entries(scriptEnvironment(process, task)).filter(
    ([name]) => !name.startsWith('GIT_') || PASSED_GIT_VARIABLE.test(name),
  );
  return {
    GIT_SSH_COMMAND: 'ssh -o BatchMode=yes',
    ...Object.fromEntries(inherited),
    GIT_TERMINAL_PROMPT: '0',
    GIT_ASKPASS: 'true', // prints nothing, where a desktop would open a window
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_LFS_SKIP_SMUDGE: '1', // large files come after the checkout, all in one go
    LC_ALL: 'C',
  };
}

/** A value as git's configuration files write it. */
export function quoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

/** Said before anybody asks, which saves a round trip; it is for addresses of this one host. */
function authorization({ origin, username, password }: Credentials): string[] {
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  return [`[http ${quoted(`${origin}/`)}]`, `\textraHeader = ${quoted(`Authorization: Basic ${basic}`)}`];
}

/** Settings that hold only while the agent itself clones. What is secret about an address stands here and nowhere else. */
export function gitSettings({ rewrite, credentials }: CloneAddress): string {
  const safe = ['[safe]', '\tdirectory = *']; // the folder may be another user's, as mounted volumes are
  const quiet = ['[gc]', '\tauto = 0', '[maintenance]', '\tauto = false', '[advice]', '\tdetachedHead = false'];
  const address =
    rewrite === undefined ? [] : [`[url ${quoted(rewrite.real)}]`, `\tinsteadOf = ${quoted(rewrite.shown)}`];
  const who = credentials === undefined ? [] : authorization(credentials);
  return `${[...safe, ...quiet, ...address, ...who].join('\n')}\n`;
}

/**
 * SSL_CERT_FILE tells this agent whom to trust, but git looks elsewhere: it gets the same authorities as one file.
 * Empty where git needs none, or was told whom to trust by a variable of its own.
 */
async function trustOf({ shown }: CloneAddress, { process, temporary }: StepContext): Promise<Environment> {
  const { SSL_CERT_FILE: extra = '', GIT_SSL_CAINFO: own } = process;
  if (!shown.startsWith('https:') || extra === '' || own !== undefined) return {};
  const file = join(temporary, 'authorities.pem');
  await writeFile(file, rootsFrom(extra).join('\n'), { mode: 0o600 });
  return { GIT_SSL_CAINFO: file };
}

/** How a git command ended, with what it printed. */
export interface GitResult {
  readonly end: ProgramEnd;
  readonly text: string;
}

export interface Git {
  /** Runs `git ARGS` in the work tree. What it prints is not shown. */
  run(args: readonly string[], signal: AbortSignal): Promise<GitResult>;
}

/** Git in `folder`, with an address whose secret part only a private file knows. */
export async function openGit(address: CloneAddress, folder: string, context: StepContext): Promise<Git> {
  const settings = join(context.temporary, `git-${randomToken(8)}.config`);
  await writeFile(settings, gitSettings(address), { mode: 0o600, flag: 'wx' });
  const env = { ...gitEnvironment(context.process, context.environment), ...(await trustOf(address, context)) };
  return {
    async run(args, signal) {
      let kept = Buffer.alloc(0);
      const keep = async (chunk: Uint8Array) => {
        kept = Buffer.concat([kept, chunk]).subarray(-MAX_KEPT_BYTES);
      };
      const argv = ['git', '-c', `include.path=${settings}`, ...args];
      const program = await Program.start({ argv, env, cwd: folder, mayEscape: false }, keep, context.clock);
      const end = await program.wait(signal);
      return { end, text: kept.toString('utf8') };
    },
  };
}

/** Where macOS keeps the program that is git only where its developer tools are installed. */
const MACOS_STAND_IN = '/usr/bin/git';

/** Whether there is a git that works: macOS has a stand-in that only asks to install one. */
export async function hasGit(context: StepContext, signal: AbortSignal): Promise<boolean> {
  const env = gitEnvironment(context.process, context.environment);
  const path = Bun.which('git', { PATH: env.PATH ?? '' });
  if (path === null) return false;
  if (goOs() !== 'darwin' || path !== MACOS_STAND_IN) return true;
  const options = { argv: ['git', '--version'], env, cwd: context.temporary, mayEscape: false };
  const end = await (await Program.start(options, async () => {}, context.clock)).wait(signal);
  return end.tag === 'exited' && end.code === 0;
}
