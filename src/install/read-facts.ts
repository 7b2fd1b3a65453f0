import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { parseConfigFile } from '../lib/config-file.ts';
import { AppError } from '../lib/errors.ts';
import { errnoOf } from '../platform/files.ts';
import { lookUpUser } from '../platform/users.ts';
import { problemOfProgram } from '../supervisor/config.ts';
import { configSchema } from '../supervisor/config-schema.ts';
import type { ConfigSummary, InstallFacts, InstallOptions } from './facts.ts';
import type { InstanceNames } from './instance-names.ts';
import { oldFiles, oldProcesses } from './leftovers.ts';
import { inRoot, PATHS } from './paths.ts';
import { pathsToLookAt } from './plan-install.ts';
import { lookBelow, sha256Of } from './seen.ts';
import { servicesOf } from './services.ts';
import type { World } from './world.ts';

/** Reads what the configuration says about the installation. Throws `AppError` (CONFIG) with every problem in it. */
export function summarise(text: string, root: string): ConfigSummary {
  // Programs of a staged machine are not there yet, and those of this one are not its own.
  const schema = configSchema(root === '/' ? problemOfProgram : () => undefined);
  const raw = parseConfigFile(text, inRoot(root, PATHS.config), schema);
  return {
    name: raw.name,
    user: raw.worker.user,
    dedicated: raw.worker.dedicated,
    builtin: raw.worker.mode === 'builtin',
    workerFile: raw.worker.config ?? PATHS.worker,
    tokenFile: raw.worker['token-file'] ?? PATHS.token,
    stateDir: raw['state-dir'],
    namesShutdown: raw.shutdown.command !== undefined,
    endpoint: raw.metadata.source === 'none' ? undefined : raw.metadata.endpoint,
    readyTag: raw.metadata['ready-tag'],
    socket: raw.control.socket,
    minFreeBytes: raw.disk['min-free'],
  };
}

/** The configuration that stands on the machine, or undefined where none does. */
export function existingConfig(root: string): string | undefined {
  const file = inRoot(root, PATHS.config);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return undefined;
    const code = errno === 'EACCES' ? 'NO_PERMISSION' : 'CONFIG';
    throw new AppError(code, `cannot be read (${errno ?? String(error)})`, { place: { file }, cause: error });
  }
}

/** Whether an account exists on the machine that is set up. */
export function userExists(name: string, { root, platform }: Pick<World, 'root' | 'platform'>): boolean {
  if (root === '/') return lookUpUser(name) !== undefined;
  if (platform === 'darwin') return false; // its accounts are in a database that a staged system does not open
  try {
    return readFileSync(inRoot(root, '/etc/passwd'), 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${name}:`));
  } catch {
    return false; // nothing staged that has accounts
  }
}

function mayMakeUser({ root, platform, uid }: World): boolean {
  if (root === '/') return true;
  return platform === 'linux' && uid === 0 && existsSync(inRoot(root, '/etc/passwd'));
}

async function succeeds(argv: readonly string[], world: World, signal: AbortSignal): Promise<boolean> {
  return (await world.run(argv, signal)).code === 0;
}

async function readSignature(world: World, signal: AbortSignal): Promise<InstallFacts['signature']> {
  const file = inRoot(world.root, PATHS.binary);
  const inPlace = world.platform === 'darwin' && world.root === '/' && existsSync(file) && lstatSync(file).isFile();
  if (!inPlace) return { quarantined: false, valid: true };
  return {
    quarantined: await succeeds(['xattr', '-p', 'com.apple.quarantine', file], world, signal),
    valid: await succeeds(['codesign', '--verify', '--strict', file], world, signal),
  };
}

/** Which services the service manager has; none on a machine that is only staged. */
export async function readLoaded(world: World, signal: AbortSignal): Promise<InstallFacts['loaded']> {
  if (world.root !== '/') return { deadline: false, supervisor: false };
  const [deadline, supervisor] = servicesOf(world.platform);
  return {
    deadline: await succeeds(deadline.askLoaded, world, signal),
    supervisor: await succeeds(supervisor.askLoaded, world, signal),
  };
}

export interface ReadOptions extends InstallOptions {
  /** The executable to install. */
  readonly binary: string;
  /** The account's name where nothing names one, made from the machine's name. */
  readonly userOf: (name: string) => string;
  readonly hostName: string;
}

function readBinary(path: string): InstallFacts['binary'] {
  try {
    return { path, sha256: sha256Of(readFileSync(path)) };
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read (${errnoOf(error) ?? String(error)})`;
    throw new AppError('CONFIG', `the executable ${path} ${why}`, { hint: 'name it with --binary', cause: error });
  }
}

/** Looks at the machine. Changes nothing. Throws `AppError` for a configuration that is wrong or may not be read. */
export async function readFacts(
  world: World,
  options: ReadOptions,
  names: InstanceNames,
  signal: AbortSignal,
): Promise<InstallFacts> {
  const { root, platform, uid } = world;
  const text = existingConfig(root) ?? options.configText;
  const config = text === undefined ? undefined : summarise(text, root);
  const machine = options.image ? 'pwagent' : (names.name ?? options.hostName);
  const user = config?.user ?? options.user ?? options.userOf(options.name ?? config?.name ?? machine);
  if (options.user !== undefined && options.user !== user) {
    throw new AppError('CONFIG', `the configuration names the user ${user}, not ${options.user}`, {
      place: { file: inRoot(root, PATHS.config) },
      hint: 'leave --user out, or correct worker.user',
    });
  }
  const look = lookBelow(root, uid);
  return {
    platform,
    root,
    uid,
    binary: readBinary(options.binary),
    signature: await readSignature(world, signal),
    seen: new Map(pathsToLookAt({ platform, config }).map((path) => [path, look(path)])),
    instanceId: names.instanceId,
    config,
    user: { name: user, exists: userExists(user, world) },
    canMakeUser: mayMakeUser(world),
    loaded: await readLoaded(world, signal),
    leftovers: [...(root === '/' ? oldProcesses(world.processes(), world.pid) : []), ...oldFiles(root)],
  };
}
