import { assertNever } from '../lib/assert-never.ts';
import { formatDuration } from '../lib/duration.ts';
import { answered, failed, intakeAllowed, noticed, serve, tagRead } from './cloud-rules.ts';
import { forcedBy, idleCheckDue } from './deadlines.ts';
import { audited, ordered, reasonToDrain } from './drain-rules.ts';
import { type Effect, type Event, hasProcess, type Policy, type State } from './policy-types.ts';
import { beginDrain, drainOrEnd, type Step, shutDown, still } from './step.ts';
import { restartDue, workerExited, workerHangs } from './worker-rules.ts';

type Of<Tag extends Event['tag']> = Extract<Event, { tag: Tag }>;

function started(state: State): Step {
  if (state.phase === 'stopping') {
    return { state, effects: [{ tag: 'shut-down', urgent: state.urgent }], rule: 'ladder' };
  }
  if (state.ending !== null) return { state, effects: [], rule: state.ending.rule };
  if (state.phase === 'withdrawn') return { state, effects: [], rule: 'withdrawn' }; // a worker comes with the tag
  return { state: { ...state, worker: { tag: 'starting' } }, effects: [{ tag: 'start-worker' }], rule: 'start' };
}

function unusable(state: State, { why, ageMs }: Of<'set-up-unusable'>): Step {
  if (state.phase === 'stopping') return started(state);
  const known = state.unusable ?? { rule: 'unusable-worker', why, sinceAgeMs: ageMs };
  return { state: { ...state, reason: why, unusable: known }, effects: [], rule: 'unusable-worker' };
}

function registered(state: State, ageMs: number, policy: Policy): Step {
  if (!hasProcess(state.worker)) return still(state);
  const up = still({ ...state, worker: { tag: 'up' }, trouble: null, unusable: null });
  const waits = policy.servesWhenReady && state.ready?.value !== 'true';
  const step = waits ? up : serve(up, ageMs);
  if (intakeAllowed(step.state)) return step;
  const rule = step.rule ?? (step.state.metadata.lost ? 'metadata-lost' : 'withdrawn');
  const told = step.rule === null ? { told: 'a worker came up that must not take tasks' } : {};
  return { ...step, effects: [...step.effects, { tag: 'pause-worker' }], rule, ...told };
}

function reported(state: State, event: Of<'worker-reported'>): Step {
  if (!hasProcess(state.worker)) return still(state);
  const gone = state.running.filter(({ id }) => !event.running.some((task) => task.id === id)).length;
  const finishedTasks = state.finishedTasks + gone;
  return still({ ...state, intake: event.intake, running: event.running, finishedTasks });
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
    case 'set-up-unusable':
      return unusable(state, event);
    case 'worker-registered':
      return registered(state, event.ageMs, policy);
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
    case 'tag-read':
      return tagRead(state, event, policy);
    case 'metadata-answered':
      return answered(state);
    case 'metadata-failed':
      return failed(state, event, policy);
    case 'notice':
      return noticed(state, event);
    case 'operator':
      return ordered(state, event);
    case 'task-ended':
      return still({ ...state, finishedTasks: state.finishedTasks + event.count });
    case 'audited':
      return audited(state, event);
    case 'rung':
      return rung(state, event);
    default:
      return assertNever(event);
  }
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

const FORCED = {
  lifetime: 'the lifetime is over',
  'hard-cap': 'the hard cap has come',
  notice: 'the machine is taken away soon',
  'idle-check': 'the idle check has come',
} as const;

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
    return shutDown(step, forced.rule, `${FORCED[forced.rule]} (${formatDuration(forced.dueAgeMs)} of age)`, true);
  }
  if (state.phase === 'draining') return whileDraining(step, ageMs, policy);
  const idle = idleCheckDue(state, ageMs, policy);
  if (idle !== undefined) {
    if (state.running.length === 0) return shutDown(step, 'idle-check', 'the idle check came and nothing runs', false);
    const count = state.running.length;
    const why = `idle check came while ${count} ${count === 1 ? 'task was' : 'tasks were'} running`;
    return beginDrain(step, { rule: 'drain', why, sinceAgeMs: idle.dueAgeMs }, ageMs);
  }
  const ending = reasonToDrain(state, ageMs, policy);
  if (ending !== undefined) return drainOrEnd(step, ending, ageMs);
  if (state.phase === 'withdrawn') return step;
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
