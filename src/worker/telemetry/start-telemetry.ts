import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { isOn, telemetryPlan } from './plan.ts';
import { noTelemetry, type Telemetry } from './telemetry.ts';

/**
 * Starts what the environment asks for, which is nothing by default. Never rejects: a worker that cannot be measured
 * works all the same, and says so once in its log. `version` becomes `service.version`.
 */
export async function startTelemetry(
  env: Environment,
  version: string,
  log: Logger,
  clock: Pick<Clock, 'after'>,
): Promise<Telemetry> {
  const plan = telemetryPlan(env);
  for (const warning of plan.warnings) log.warn(`telemetry: ${warning}`);
  if (!isOn(plan)) return noTelemetry;
  const { createOpenTelemetry } = await import('./open-telemetry.ts'); // a worker without it starts without its libraries
  return createOpenTelemetry(plan, env, version, log, clock);
}
