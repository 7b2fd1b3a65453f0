import { type Event, hasProcess, type Policy, type State } from './policy-types.ts';
import { type Step, still } from './step.ts';

/** A poll may come a little early: clocks and timers round differently. */
const POLL_SLACK = 0.9;

/** The only value that lets a machine serve. */
const READY = 'true';

type Of<Tag extends Event['tag']> = Extract<Event, { tag: Tag }>;

/** Whether the machine may take tasks, as far as the cloud is concerned. */
export function intakeAllowed(state: State): boolean {
  const alive = state.phase === 'starting' || state.phase === 'serving';
  return alive && state.ending === null && !state.metadata.lost;
}

/** The service answered: whatever was paused only because it was lost goes on. */
export function answered(state: State): Step {
  const { lost, failures } = state.metadata;
  if (!lost && failures === 0) return still(state);
  const next = { ...state, metadata: { failures: 0, lost: false } };
  if (!lost) return still(next);
  const resumes = intakeAllowed(next) && hasProcess(next.worker);
  const told = 'the metadata service answers again';
  return { state: next, effects: resumes ? [{ tag: 'resume-worker' }] : [], rule: 'metadata-lost', told };
}

/** A read failed. Two failures and a long silence pause the intake; every deadline stays armed. */
export function failed(state: State, { problem, silentMs }: Of<'metadata-failed'>, policy: Policy): Step {
  const failures = state.metadata.failures + 1;
  const lost = state.metadata.lost || (failures >= 2 && silentMs >= policy.lostAfterMs);
  const next = { ...state, metadata: { failures, lost } };
  if (!lost || state.metadata.lost) return still(next);
  const pauses = intakeAllowed(state) && hasProcess(state.worker);
  const effects = pauses ? ([{ tag: 'pause-worker' }] as const) : [];
  return { state: next, effects, rule: 'metadata-lost', told: `metadata-lost: ${problem}` };
}

function withdraw(step: Step, value: string | null): Step {
  const { state } = step;
  const reason = value === null ? 'the ready tag is absent' : `the ready tag is ${JSON.stringify(value)}, not "true"`;
  const kept = step.effects.filter(({ tag }) => tag !== 'resume-worker');
  const effects = hasProcess(state.worker) ? ([...kept, { tag: 'pause-worker' }] as const) : kept;
  return { state: { ...state, phase: 'withdrawn', reason }, effects, rule: 'withdrawn' };
}

/** Serves again, with the worker that is there or with a new one. What is overdue applies at once (see `decide`). */
function giveBack(step: Step, ageMs: number): Step {
  const up = step.state.worker.tag === 'up';
  const reason = up ? 'the ready tag is "true" again' : 'no worker has registered yet';
  const servedAgeMs = step.state.servedAgeMs ?? (up ? ageMs : null);
  const state: State = { ...step.state, phase: up ? 'serving' : 'starting', reason, servedAgeMs };
  if (state.worker.tag === 'none' && state.unusable === null) {
    const effects = [...step.effects, { tag: 'start-worker' }] as const;
    return { state: { ...state, worker: { tag: 'starting' } }, effects, rule: 'returned' };
  }
  const resumes = hasProcess(state.worker) && intakeAllowed(state);
  return { state, effects: resumes ? [...step.effects, { tag: 'resume-worker' }] : step.effects, rule: 'returned' };
}

/** The worker has a process and the tag lets it serve. */
export function serve(step: Step, ageMs: number): Step {
  const { state } = step;
  if (state.phase === 'withdrawn') return step; // it serves when the machine is given back
  const served = { ...state, servedAgeMs: state.servedAgeMs ?? ageMs };
  if (state.phase !== 'starting') return { ...step, state: served };
  return { ...step, state: { ...served, phase: 'serving', reason: 'the worker serves' }, rule: 'serving' };
}

/** The tag was really read. One reading that is not "true" is no reason yet, a second one `readyPollMs` later is. */
export function tagRead(state: State, { value, ageMs }: Of<'tag-read'>, policy: Policy): Step {
  const heard = answered(state);
  const known = state.ready;
  const same = known !== null && (known.value === READY) === (value === READY);
  const ready = { value, sinceAgeMs: same ? known.sinceAgeMs : ageMs };
  const step = { ...heard, state: { ...heard.state, ready } };
  const { phase } = step.state;
  if (value === READY) {
    if (phase === 'withdrawn') return giveBack(step, ageMs);
    return policy.servesWhenReady && phase === 'starting' && state.worker.tag === 'up' ? serve(step, ageMs) : step;
  }
  const confirmed = ageMs - ready.sinceAgeMs >= policy.readyPollMs * POLL_SLACK;
  return confirmed && (phase === 'starting' || phase === 'serving') ? withdraw(step, value) : step;
}

/** A notice of the cloud; a later one cannot give time back that an earlier one took. */
export function noticed(state: State, { what, inMs, ageMs }: Of<'notice'>): Step {
  const heard = answered(state);
  const dueAgeMs = inMs === null ? null : ageMs + inMs;
  const known = state.notice;
  if (known !== null && (dueAgeMs === null || (known.dueAgeMs ?? Number.POSITIVE_INFINITY) <= dueAgeMs)) return heard;
  return { ...heard, state: { ...heard.state, notice: { what, dueAgeMs } } };
}
