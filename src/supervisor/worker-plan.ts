import { existsSync, readFileSync, statSync } from 'node:fs';
import { AppError } from '../lib/errors.ts';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import { tempFolder } from '../platform/host.ts';
import type { Account } from '../platform/privileges.ts';
import { lookUpUser, type User } from '../platform/users.ts';
import type { WorkerSetup } from '../platform/worker-link.ts';
import type { SupervisorConfig } from './config.ts';
import { mayKillWholeUser } from './power.ts';
import { runnerWarnings } from './runner/runner-plan.ts';

const DEFAULT_CONFIG = '/etc/pwagent/worker.yml';
const DEFAULT_TOKEN = '/etc/pwagent/token';
const MAX_USER_NAME = 31;

/** How the worker is started, the same each time. */
export interface WorkerPlan {
  readonly user: User;
  readonly argv: readonly string[];
  readonly env: Environment;
  readonly cwd: string;
  /** The account to change to; undefined when it is the supervisor's own. */
  readonly switchTo: Account | undefined;
  readonly killWholeUser: boolean;
  /**
   * Reads configuration and token anew, so that a mended file counts at the next start. Throws `AppError` (CONFIG).
   * Undefined for a worker that is none of ours: it gets no control channel.
   */
  readonly setup: (() => WorkerSetup) | undefined;
}

export interface PlanInput {
  readonly config: SupervisorConfig;
  readonly name: string;
  readonly argv: readonly string[];
  readonly self: User;
  readonly env: Environment;
  readonly platform: string;
}

/** `MacM1-7` → `MacM1-7-worker`: the account of the worker where none is named. */
export function defaultWorkerUser(name: string): string {
  const suffix = '-worker';
  return name.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, MAX_USER_NAME - suffix.length) + suffix;
}

/** The account that is named for the worker, or comes from the machine's name. */
export function wantedUser({ config, name }: Pick<PlanInput, 'config' | 'name'>): string {
  return config.worker.user ?? defaultWorkerUser(name);
}

function chooseUser({ config, name, self }: PlanInput, warnings: string[]): User {
  const wanted = wantedUser({ config, name });
  if (self.uid !== 0) {
    const named = config.worker.user !== undefined && config.worker.user !== self.name;
    const told = named ? `, not as ${wanted}: changing the user needs root` : '';
    warnings.push(`the supervisor does not run as root: the worker runs as ${self.name}${told}`);
    return self;
  }
  const found = lookUpUser(wanted);
  if (found === undefined) {
    throw new AppError('CONFIG', `worker.user: there is no user ${wanted} on this machine`, {
      place: { file: config.file },
      hint: 'create that user, or name another one as worker.user',
    });
  }
  if (found.uid === 0) warnings.push('worker.user is root: every task can do everything on this machine');
  return found;
}

/** The text of a file that was named, or stands at its default place; undefined when the default place is empty. */
function readNamed(key: string, named: string | undefined, defaultPath: string, file: string): string | undefined {
  const path = named ?? defaultPath;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (named === undefined && errno === 'ENOENT') return undefined;
    const what = errno === 'ENOENT' ? 'does not exist' : `cannot be read (${errno ?? String(error)})`;
    throw new AppError('CONFIG', `${key}: ${path} ${what}`, {
      place: { file },
      hint: errno === 'ENOENT' ? 'create it or correct the path' : 'let the supervisor read it',
      cause: error,
    });
  }
}

function readSetup({ config, name }: PlanInput): WorkerSetup {
  const { configFile, tokenFile, environment } = config.worker;
  const text = readNamed('worker.config', configFile, DEFAULT_CONFIG, config.file);
  const ownTokens = tokenFile === undefined && /^upstreams\s*:/m.test(text ?? ''); // each upstream has one of its own
  const token = ownTokens ? undefined : readNamed('worker.token-file', tokenFile, DEFAULT_TOKEN, config.file)?.trim();
  if (token === '') {
    throw new AppError('CONFIG', `worker.token-file: ${tokenFile ?? DEFAULT_TOKEN} is empty`, {
      place: { file: config.file },
      hint: 'put the registration token of the pool into it',
    });
  }
  return {
    type: 'setup',
    name,
    configFile: configFile ?? DEFAULT_CONFIG,
    configText: text ?? '',
    token: token ?? null,
    passEnvironment: Object.keys(environment),
  };
}

function warnOfOpenSecrets({ config }: PlanInput, setup: WorkerSetup, warnings: string[]): void {
  const holdsToken = /^\s*(?:-\s+)?(?:token|"token"|'token')\s*:/m.test(setup.configText);
  const paths = [
    setup.token === null ? [] : [config.worker.tokenFile ?? DEFAULT_TOKEN],
    holdsToken ? [setup.configFile] : [],
  ];
  for (const path of paths.flat()) {
    const mode = statSync(path).mode & 0o077;
    if (mode !== 0) warnings.push(`${path} holds a token and other users may open it: run chmod 600 ${path}`);
  }
}

function environmentOf({ config, self, env, platform }: PlanInput, user: User): Environment {
  return {
    PATH: config.worker.path,
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: user.shell,
    LANG: env.LANG ?? (platform === 'darwin' ? 'en_US.UTF-8' : 'C.UTF-8'),
    TMPDIR: user.uid === self.uid ? tempFolder() : '/tmp',
    ...config.worker.environment,
  };
}

function folderOf({ config }: PlanInput, user: User): string {
  const { directory } = config.worker;
  if (directory !== undefined && !existsSync(directory)) {
    throw new AppError('CONFIG', `worker.directory: ${directory} does not exist`, {
      place: { file: config.file },
      hint: 'create it or correct the path',
    });
  }
  return directory ?? (existsSync(user.home) ? user.home : '/');
}

/** Works out how to start the worker, and what about it deserves a warning. Throws `AppError` (CONFIG). */
export function planWorker(input: PlanInput): { readonly plan: WorkerPlan; readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const user = chooseUser(input, warnings);
  const { platform, self, config } = input;
  const builtin = config.worker.mode === 'builtin';
  if (builtin) warnOfOpenSecrets(input, readSetup(input), warnings);
  else warnings.push(...runnerWarnings(config.worker));
  const killWholeUser = mayKillWholeUser({
    platform,
    supervisorUid: self.uid,
    workerUid: user.uid,
    dedicated: config.worker.dedicated,
  });
  const plan = {
    user,
    argv: builtin ? input.argv : config.worker.command,
    env: environmentOf(input, user),
    cwd: folderOf(input, user),
    switchTo: user.uid === self.uid ? undefined : { name: user.name, uid: user.uid, gid: user.gid },
    killWholeUser,
    setup: builtin ? () => readSetup(input) : undefined,
  };
  return { plan, warnings };
}
