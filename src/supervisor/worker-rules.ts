import { backoffMs } from '../lib/backoff.ts';
import { EXIT } from '../lib/errors.ts';
import { type Ending, type Event, hasProcess, type Policy, type State } from './policy-types.ts';
import { type Step, still } from './step.ts';

/** Between a worker's death and its next start. One machine: nothing to spread, so no random part. */
const RESTART_BACKOFF = { firstMs: 1_000, maxMs: 60_000 };

/** Exit codes that say "I cannot work with what I was given": the configuration, or the hub it names. */
const UNUSABLE_CODES: readonly (number | null)[] = [EXIT.configuration, EXIT.unavailable];

type ExitEvent = Extract<Event, { tag: 'worker-exited' }>;

function endNow(state: State, ending: Ending): State {
  return {
    ...state,
    phase: 'draining',
    reason: ending.why,
    ending,
    worker: { tag: 'none' },
    lookedAgeMs: ending.sinceAgeMs,
  };
}

/** The worker is gone, or as good as gone: start another, or let the machine end. */
function afterDeath(state: State, ageMs: number, why: string, rule: Ending['rule'], policy: Policy): Step {
  if (state.ending !== null) return { state: { ...state, worker: { tag: 'none' } }, effects: [], rule };
  const recent = state.restartAgesMs.filter((restartAgeMs) => restartAgeMs > ageMs - policy.restartWindowMs);
  if (policy.onExit === 'restart' && recent.length < policy.restartLimit) {
    const dueAgeMs = ageMs + backoffMs(recent.length, RESTART_BACKOFF, () => 1);
    const restarting = { ...state, worker: { tag: 'waiting', dueAgeMs } } as const;
    return { state: { ...restarting, reason: `${why}; it is started again` }, effects: [], rule };
  }
  const spent = policy.onExit === 'restart' ? `${why}; ${recent.length} restarts were the limit` : why;
  return { state: endNow(state, { rule, why: spent, sinceAgeMs: ageMs }), effects: [], rule };
}

/** An exit that was not asked for. */
export function workerExited(state: State, event: ExitEvent, policy: Policy): Step {
  const gone = { ...state, trouble: null, intake: 'paused' } as const;
  if (!hasProcess(state.worker)) return still(gone); // a hung one that was ended, or one that the ladder stopped
  if (state.phase === 'stopping' || state.phase === 'halted') return still({ ...gone, worker: { tag: 'none' } });
  const left = { ...gone, running: event.left };
  if (state.servedAgeMs === null && state.ending === null && UNUSABLE_CODES.includes(event.code)) {
    const unusable = { rule: 'unusable-worker', why: event.why, sinceAgeMs: event.ageMs } as const;
    const noWorker = {
      ...left,
      reason: event.why,
      unusable: state.unusable ?? unusable,
      worker: { tag: 'none' },
    } as const;
    return { state: noWorker, effects: [], rule: 'unusable-worker' };
  }
  return afterDeath(left, event.ageMs, event.why, 'worker-death', policy);
}

/** The worker's process is there, but its loop has not turned for `worker.stale-after`. Its tasks may be well. */
export function workerHangs(state: State, ageMs: number, policy: Policy): Step {
  const step = afterDeath(state, ageMs, 'the worker hangs: its loop has stopped reporting', 'hung-worker', policy);
  return { ...step, effects: [{ tag: 'pause-worker' }, ...step.effects] };
}

/** A death was answered with patience; its time has come. */
export function restartDue(state: State, ageMs: number): Step {
  const restartAgesMs = [...state.restartAgesMs, ageMs];
  const starting = { ...state, restartAgesMs, running: [], worker: { tag: 'starting' } } as const;
  return { state: starting, effects: [{ tag: 'start-worker' }], rule: 'worker-death' };
}
