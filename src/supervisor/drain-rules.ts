import { intakeAllowed } from './cloud-rules.ts';
import { type Ending, type Event, hasProcess, type Policy, type State } from './policy-types.ts';
import { drainOrEnd, type Step, shutDown, still } from './step.ts';

type Of<Tag extends Event['tag']> = Extract<Event, { tag: Tag }>;

function endsAlready({ phase }: State): boolean {
  return phase === 'stopping' || phase === 'halted';
}

/** Serving again after an operator's drain. What is overdue drains it again at once (see `decide`). */
function resume(state: State, why: string): Step {
  const told = `${why}: nothing to resume`;
  if (state.ending?.rule !== 'operator' || state.phase !== 'draining') {
    return { state, effects: [], rule: 'operator', told };
  }
  if (state.worker.tag === 'none') return { state, effects: [], rule: 'operator', told: `${why}: the worker is gone` };
  const phase = state.worker.tag === 'up' ? 'serving' : 'starting';
  const next: State = { ...state, phase, reason: why, ending: null };
  const resumes = hasProcess(next.worker) && intakeAllowed(next);
  return { state: next, effects: resumes ? [{ tag: 'resume-worker' }] : [], rule: 'operator' };
}

/** What an operator orders on the machine. Nothing of it lifts lifetime or hard cap, or what the ladder has begun. */
export function ordered(state: State, { command, reason, ageMs }: Of<'operator'>): Step {
  const why = `operator: ${command}: ${reason}`;
  if (endsAlready(state)) return { state, effects: [], rule: 'operator', told: `${why}: the machine ends already` };
  switch (command) {
    case 'shutdown':
      return shutDown(still(state), 'operator', why, false);
    case 'resume':
      return resume(state, why);
    case 'drain':
      if (state.phase === 'draining') {
        return { state, effects: [], rule: 'operator', told: `${why}: it drains already` };
      }
      return drainOrEnd(still(state), { rule: 'operator', why, sinceAgeMs: ageMs }, ageMs);
  }
}

/** The machine after a task. */
export function audited(state: State, { verdict, reasons }: Of<'audited'>): Step {
  return still(verdict === 'dirty' ? { ...state, dirty: state.dirty ?? reasons.join('; ') } : state);
}

/** Why a machine that serves, or might, takes no further tasks. A withdrawn one waits with that, but not with a notice. */
export function reasonToDrain(state: State, ageMs: number, policy: Policy): Ending | undefined {
  const { notice, finishedTasks, dirty } = state;
  if (notice !== null) return { rule: 'notice', why: notice.what, sinceAgeMs: ageMs };
  if (state.phase === 'withdrawn') return undefined;
  const usedUp = (why: string) => ({ rule: 'used-up', why, sinceAgeMs: ageMs }) as const;
  if (policy.maxTasks > 0 && finishedTasks >= policy.maxTasks) return usedUp(`${finishedTasks} tasks have ended here`);
  if (policy.onDirty === 'drain' && dirty !== null) return usedUp(`a task left what could not be undone: ${dirty}`);
  return undefined;
}
