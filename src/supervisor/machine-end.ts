import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import { programFeeder } from '../platform/feed-program.ts';
import { programRunner } from '../platform/run-program.ts';
import { notifyUsers } from '../platform/wall.ts';
import type { SupervisorConfig } from './config.ts';
import { type LadderDeps, shutDownMachine, tellShutDown } from './ladder.ts';
import { type ArmedEffects, DEFAULT_COMMAND, ladderOf, makeRungs, type Rung, type RungName } from './rungs.ts';

/** Between KILL and the moment when nobody waits for the worker any more. */
const KILL_MS = 10_000;

export interface EndParts extends Pick<LadderDeps, 'endWorker' | 'report' | 'persist'> {
  readonly shutdown: SupervisorConfig['shutdown'];
  readonly graceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dryRun: boolean;
  /** This machine may become armed: the marker is there, and root runs us. */
  readonly mayArm: boolean;
  /** What an armed machine may do to itself; undefined as long as it is not armed. */
  readonly effects: () => ArmedEffects | undefined;
  /** For the people who are logged in. */
  readonly reason: string;
}

/** A rung that asks, each time it is climbed, whether the machine is armed by now. */
function askingRung(name: RungName, { shutdown, clock, effects }: EndParts): Rung {
  const run = programRunner(clock);
  return {
    name,
    async climb(timeoutMs, signal) {
      const permitted = effects();
      const command = shutdown.command ?? (permitted === undefined ? undefined : DEFAULT_COMMAND);
      if (command === undefined) return 'this machine is not armed: the metadata service has not told which one it is';
      const [rung] = makeRungs([name], command, run, permitted);
      return rung === undefined ? 'this machine is not armed' : rung.climb(timeoutMs, signal);
    },
  };
}

/** The command comes twice in a row where something stronger follows it. */
function rungsOf(parts: EndParts): Rung[] {
  const { names } = ladderOf(parts.shutdown.ladder, parts.mayArm);
  const twice = names.length > 1 ? names.flatMap((name) => (name === 'command' ? [name, name] : [name])) : names;
  return twice.map((name) => askingRung(name, parts));
}

/** Begins to end the machine; from the abort of `urgent` on it hurries, at that of `signal` it stops. Never throws. */
export function endMachine(parts: EndParts, urgent: AbortSignal, signal: AbortSignal): void {
  const { shutdown, clock, log, report, dryRun, reason, graceMs } = parts;
  const settings = { ...shutdown, command: shutdown.command ?? DEFAULT_COMMAND, endWorkerMs: graceMs + KILL_MS };
  const rungs = rungsOf(parts);
  if (dryRun) {
    tellShutDown({ settings, log, report, rungs });
    return;
  }
  const notify = (scope: AbortSignal) => notifyUsers(reason, shutdown.beforeTimeoutMs, programFeeder(clock), scope);
  const { endWorker, persist } = parts;
  const told = parts.mayArm ? { notify } : {}; // elsewhere nobody's terminal is ours
  const deps = { settings, clock, log, report, run: programRunner(clock), rungs, endWorker, persist, ...told };
  void shutDownMachine(deps, urgent, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
