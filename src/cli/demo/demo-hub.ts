import { type RunningHub, startHub } from '../../hub/start-hub.ts';
import { createLogger } from '../../lib/log.ts';
import { systemClock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { freePort } from '../../platform/free-port.ts';
import { openLogFile } from '../../platform/log-file.ts';
import { systemRandom } from '../../platform/random.ts';
import type { DemoPaths } from './plan.ts';

/** The ports that the documentation names, when nobody has them. */
const HTTP_PORT = 7480;
const GRPC_PORT = 7481;

/** Starts a hub in this process, on loopback, with its data and its log in the demo's folder. */
export async function startDemoHub(paths: DemoPaths, env: Environment, signal: AbortSignal): Promise<RunningHub> {
  const log = createLogger({ level: 'info', format: 'json', colour: false, write: openLogFile(paths.hubLog).write });
  const options = {
    listen: { host: '127.0.0.1', port: await freePort(HTTP_PORT) },
    grpc: { host: '127.0.0.1', port: await freePort(GRPC_PORT) },
    dataFolder: paths.hubData,
    certificate: undefined,
    publicUrl: undefined,
  };
  return startHub(options, { clock: systemClock, random: systemRandom, log, env }, signal);
}
