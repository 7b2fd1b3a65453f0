import type { Instance } from '../../isolation/instance.ts';
import { startAgent } from '../../isolation/none/agent-process.ts';
import { createNoneInstance, type NoneOptions } from '../../isolation/none/none-isolation.ts';
import { SpareAgent } from '../../isolation/none/spare-agent.ts';
import { WorkingFolders } from '../../isolation/none/working-folder.ts';
import type { Placement } from '../../isolation/placement.ts';
import { AppError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import { systemClock } from '../../platform/clock.ts';
import { openFileLocks } from '../../platform/file-lock.ts';
import { machineInstance, tempFolder } from '../../platform/host.ts';
import { randomToken, systemRandom } from '../../platform/random.ts';
import { selfCommand } from '../../platform/self.ts';
import type { User } from '../../platform/users.ts';
import { connect } from '../../rpc/client.ts';
import { rootsFrom } from '../../rpc/tls.ts';
import { agentEnvironment } from '../../worker/agent-environment.ts';
import type { WorkerOptions } from '../../worker/configuration/options.ts';
import { holdName } from '../../worker/held-name.ts';
import type { WorkerLink } from '../../worker/link.ts';
import { decide } from '../../worker/policy/decide.ts';
import type { Telemetry } from '../../worker/telemetry/telemetry.ts';
import { CANCEL_GRACE_MS, Worker } from '../../worker/worker.ts';
import type { CliContext } from '../context.ts';
import { homeOf } from './worker-user.ts';

/** Makes the place that the policy allows; engines for the other kinds are not part of this worker. */
async function createInstance(placement: Placement, none: NoneOptions): Promise<Instance> {
  if (placement.kind === 'none') return createNoneInstance(none);
  throw new AppError('CONFIG', `this worker cannot run tasks in isolation "${placement.kind}"`, {
    hint: 'leave `isolation` out of persistent_worker to run directly on the worker',
  });
}

/** The worker with its real parts; `end` is for when it has run. */
export function buildWorker(
  start: {
    readonly options: WorkerOptions;
    readonly passEnvironment: readonly string[];
    readonly link: WorkerLink;
    readonly drainMs: number;
    /** Whom agents run as, when that is not the worker's own user. */
    readonly agentUser: User | undefined;
    readonly telemetry: Telemetry;
  },
  log: Logger,
  { env }: CliContext,
): { readonly worker: Worker; end(): void } {
  const { options, passEnvironment, link, drainMs, telemetry, agentUser } = start;
  const agentCommand = [...selfCommand(), 'agent'];
  const [folder, locks] = [tempFolder(), openFileLocks()];
  const endpoints = options.upstreams.map(({ endpoint }) => endpoint.text);
  const held = holdName({ name: options.name, endpoints, machine: machineInstance(), folder, locks });
  if (held.taken) log.warn('another worker on this machine has this name; give each a name of its own with --name');
  const folders = new WorkingFolders({ temporary: folder, locks, clock: systemClock, log });
  const environment = { ...agentEnvironment(env, passEnvironment), ...(agentUser && homeOf(agentUser)) };
  const spare = new SpareAgent(() => startAgent({ agentCommand, agentUser }, environment, randomToken(16), '/'), log);
  void folders.sweep().then(() => spare.prepare()); // tasks wait for it, the registration does not
  const none = { agentCommand, folders, spare, cancelGraceMs: CANCEL_GRACE_MS, agentUser, clock: systemClock, log };
  const roots = rootsFrom(env.SSL_CERT_FILE);
  const worker = new Worker(options, {
    connect: (endpoint) => connect(endpoint, roots),
    agentEnvironment: environment,
    place: (isolation) => decide(options.security, isolation),
    createInstance: (placement) => createInstance(placement, none),
    engines: {},
    telemetry,
    drainMs,
    instanceId: held.instanceId,
    ...{ link, log, clock: systemClock, random: systemRandom },
  });
  const end = () => {
    spare.stop();
    held.release();
  };
  return { worker, end };
}
