import { assertNever } from '../lib/assert-never.ts';
import { formatDuration } from '../lib/duration.ts';
import { forcedBy, idleCheckDue } from './deadlines.ts';
import { type Effect, type Event, hasProcess, type Policy, type State } from './policy-types.ts';
import { type Step, still } from './step.ts';
import { restartDue, workerExited, workerHangs } from './worker-rules.ts';

type Of<Tag extends Event['tag']> = Extract<Event, { tag: Tag }>;

function started(state: State): Step {
  if (state.phase === 'stopping') {
    return { state, effects: [{ tag: 'shut-down', urgent: state.urgent }], rule: 'ladder' };
  }
  if (state.ending !== null) return { state, effects: [], rule: state.ending.rule };
  return { state: { ...state, worker: { tag: 'starting' } }, effects: [{ tag: 'start-worker' }], rule: 'start' };
}

function registered(state: State, ageMs: number): Step {
  if (!hasProcess(state.worker)) return still(state);
  const facts: State = { ...state, worker: { tag: 'up' }, trouble: null, unusable: null };
  const served = { ...facts, servedAgeMs: state.servedAgeMs ?? ageMs };
  if (state.phase !== 'starting') return still(served);
  return { state: { ...served, phase: 'serving', reason: 'the worker is registered' }, effects: [], rule: 'serving' };
}

function reported(state: State, event: Of<'worker-reported'>): Step {
  if (!hasProcess(state.worker)) return still(state);
  return still({ ...state, intake: event.intake, running: event.running });
}

function rung(state: State, { step, outcome, error }: Of<'rung'>): Step {
  const attempts = state.ladder.attempts + (outcome === 'issued' ? 1 : 0);
  const bad = outcome === 'failed' || outcome === 'no-effect';
  const ladder = {
    attempts,
    lastStep: step,
    lastError: bad ? error : state.ladder.lastError,
    fruitless: bad || state.ladder.fruitless,
  };
  const told = outcome === 'accepted' ? `${step} was accepted, the machine goes down` : `${step}: ${error ?? outcome}`;
  const phase = outcome === 'accepted' ? 'halted' : 'stopping';
  return { state: { ...state, phase, ladder }, effects: [], rule: 'ladder', told };
}

function timer(state: State, event: Of<'timer'>, policy: Policy): Step {
  if (state.phase === 'stopping' || state.phase === 'halted') return still(state);
  if (state.worker.tag === 'waiting' && event.ageMs >= state.worker.dueAgeMs) return restartDue(state, event.ageMs);
  const hangs = hasProcess(state.worker) && event.silentMs !== null && event.silentMs >= policy.staleAfterMs;
  return hangs ? workerHangs(state, event.ageMs, policy) : still(state);
}

/** Notes what the event tells, and does what follows from the event alone. */
function absorb(state: State, event: Event, policy: Policy): Step {
  switch (event.tag) {
    case 'started':
      return started(state);
    case 'worker-registered':
      return registered(state, event.ageMs);
    case 'worker-reported':
      return reported(state, event);
    case 'worker-trouble':
      return still(hasProcess(state.worker) ? { ...state, trouble: event.message } : state);
    case 'worker-exited':
      return workerExited(state, event, policy);
    case 'looked':
      return still(hasProcess(state.worker) ? state : { ...state, running: event.left });
    case 'timer':
      return timer(state, event, policy);
    case 'disk':
      return still({ ...state, lowDisk: event.freeBytes < policy.minFreeBytes });
    case 'rung':
      return rung(state, event);
    default:
      return assertNever(event);
  }
}

function shutDown(step: Step, rule: NonNullable<Step['rule']>, reason: string, urgent: boolean): Step {
  const kept = step.effects.filter(({ tag }) => tag !== 'start-worker' && tag !== 'pause-worker');
  const unborn = step.effects.some(({ tag }) => tag === 'start-worker');
  const worker = unborn || step.state.worker.tag === 'waiting' ? ({ tag: 'none' } as const) : step.state.worker;
  const pause: Effect[] = hasProcess(worker) ? [{ tag: 'pause-worker' }] : [];
  const state = { ...step.state, phase: 'stopping', reason, urgent, worker } as const;
  return { state, effects: [...kept, ...pause, { tag: 'shut-down', urgent }], rule };
}

function whileDraining(step: Step, ageMs: number, policy: Policy): Step {
  const { state } = step;
  const ending = state.ending;
  if (state.running.length === 0) {
    return shutDown(step, ending?.rule ?? 'drain', `${ending?.why ?? 'drained'}; nothing runs any more`, false);
  }
  if (ageMs < state.lookedAgeMs + policy.drainPollMs) return step;
  return { state: { ...state, lookedAgeMs: ageMs }, effects: [...step.effects, { tag: 'look' }], rule: 'drain' };
}

function drain(step: Step, dueAgeMs: number, ageMs: number): Step {
  const count = step.state.running.length;
  const why = `idle check came while ${count} ${count === 1 ? 'task was' : 'tasks were'} running`;
  const ending = { rule: 'drain', why, sinceAgeMs: dueAgeMs } as const;
  const state = { ...step.state, phase: 'draining', reason: why, ending, lookedAgeMs: ageMs } as const;
  return { state, effects: [...step.effects, { tag: 'pause-worker' }], rule: 'drain' };
}

/** Holds the state against the deadlines. */
function enforce(step: Step, ageMs: number, policy: Policy): Step {
  const { state } = step;
  const forced = forcedBy(state, ageMs, policy);
  if (state.phase === 'stopping' || state.phase === 'halted') {
    if (forced === undefined || state.urgent) return step;
    const told = 'the shutdown must not take longer';
    return { state: { ...state, urgent: true }, effects: [...step.effects, { tag: 'hurry' }], rule: forced.rule, told };
  }
  if (forced !== undefined) {
    const what = forced.rule === 'lifetime' ? 'the lifetime is over' : 'the hard cap has come';
    return shutDown(step, forced.rule, `${what} (${formatDuration(forced.dueAgeMs)} of age)`, true);
  }
  if (state.phase === 'draining') return whileDraining(step, ageMs, policy);
  const idle = idleCheckDue(state, ageMs, policy);
  if (idle !== undefined) {
    if (state.running.length > 0) return drain(step, idle.dueAgeMs, ageMs);
    return shutDown(step, 'idle-check', 'the idle check came and nothing runs', false);
  }
  if (state.lowDisk && state.running.length === 0) {
    return shutDown(step, 'disk', 'free disk space is below disk.min-free and nothing runs', false);
  }
  return step;
}

/**
 * The whole policy: what happened, to what happens next. Pure and total. A decision (a rule acted) brings exactly one
 * `record` among its effects; an event that is only noted brings no effect at all.
 */
export function decide(state: State, event: Event, policy: Policy): [State, readonly Effect[]] {
  const step = enforce(absorb(state, event, policy), event.ageMs, policy);
  if (step.rule === null) return [step.state, []];
  const record = {
    rule: step.rule,
    from: state.phase,
    to: step.state.phase,
    event: event.tag,
    ageMs: event.ageMs,
    reason: step.told ?? step.state.reason,
  };
  return [step.state, [{ tag: 'record', record }, ...step.effects]];
}
