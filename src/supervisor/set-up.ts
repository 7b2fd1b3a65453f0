import { readFileSync } from 'node:fs';
import { AppError, describeError } from '../lib/errors.ts';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import { readMetadataEndpoint } from '../platform/metadata/endpoint.ts';
import type { User } from '../platform/users.ts';
import type { Marker } from './arming.ts';
import { parseSupervisorConfig, type SupervisorConfig } from './config.ts';
import { requireShutdown } from './power.ts';
import { planWorker, type WorkerPlan } from './worker-plan.ts';

export interface SetUpInput {
  /** `pwagent.yml` */
  readonly configFile: string;
  readonly dryRun: boolean;
  /** The command line of the built-in worker. */
  readonly workerArgv: readonly string[];
  readonly env: Environment;
  readonly platform: string;
}

export interface SetUp {
  readonly config: SupervisorConfig;
  /** Root runs us and the marker is there: armed as soon as the metadata service tells which instance this is. */
  readonly mayArm: boolean;
  /** Why the configuration cannot be used; only where the machine must end all the same. */
  readonly problem: string | undefined;
}

/** How the worker is started on this machine. */
export interface WorkerSetUp {
  readonly plan: WorkerPlan;
  readonly warnings: readonly string[];
  /** Why no worker can be started; only where the machine must end all the same. */
  readonly unusable: string | undefined;
}

function readConfig(file: string): SupervisorConfig {
  try {
    return parseSupervisorConfig(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const errno = errnoOf(error);
    const missing = errno === 'ENOENT';
    throw new AppError('CONFIG', missing ? 'there is no such file' : `cannot be read (${errno ?? String(error)})`, {
      place: { file },
      hint: missing ? 'write it, or name another one with --config' : 'let this user read it',
      cause: error,
    });
  }
}

/** What `make` returns, or, where the machine must end all the same, `instead` and the reason. */
function orElse<T>(make: () => T, instead: (() => T) | undefined): { readonly value: T; readonly problem?: string } {
  try {
    return { value: make() };
  } catch (error) {
    if (instead === undefined || !(error instanceof AppError)) throw error;
    return { value: instead(), problem: describeError(error) };
  }
}

function mayArm({ metadata }: SupervisorConfig, marker: Marker, self: User): boolean {
  const linkLocal = readMetadataEndpoint(metadata.endpoint)?.linkLocal === true;
  return self.uid === 0 && marker.tag === 'present' && metadata.source !== 'none' && linkLocal;
}

/**
 * Reads what this supervisor shall do. A machine that may be armed is never left without a supervisor: what cannot be
 * used there costs the worker and the lifetime becomes that of the defaults. Elsewhere it throws `AppError` (CONFIG).
 */
export function readSetUp({ configFile, dryRun }: SetUpInput, marker: Marker, self: User): SetUp {
  const marked = self.uid === 0 && marker.tag === 'present';
  const read = orElse(() => readConfig(configFile), marked ? () => parseSupervisorConfig('', configFile) : undefined);
  const config = read.value;
  const armable = mayArm(config, marker, self);
  requireShutdown(config, dryRun || armable);
  return { config, mayArm: armable, problem: read.problem };
}

/** The same for the worker of a machine of that name. */
export function setUpWorker(input: SetUpInput, setUp: SetUp, name: string, self: User): WorkerSetUp {
  const { config, problem } = setUp;
  const nobody: WorkerPlan = {
    user: self,
    argv: [],
    env: {},
    cwd: '/',
    switchTo: undefined,
    killWholeUser: false,
    setup: undefined,
  };
  const planned = orElse(
    () => planWorker({ ...input, config, name, argv: input.workerArgv, self }),
    setUp.mayArm ? () => ({ plan: nobody, warnings: [] }) : undefined,
  );
  return { ...planned.value, unusable: problem ?? planned.problem };
}
