import { type Effect, type Ending, hasProcess, type Rule, type State } from './policy-types.ts';

/** Part of a decision. `rule` names what acted; null when facts were noted and nothing was decided. */
export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
  readonly rule: Rule | null;
  /** What the record says, where the state's own reason is not news. */
  readonly told?: string;
}

/** Facts were noted, nothing is decided. */
export function still(state: State): Step {
  return { state, effects: [], rule: null };
}

/** What a machine on its way down does not do any more. */
const BEFORE_THE_END: readonly Effect['tag'][] = ['start-worker', 'pause-worker', 'resume-worker'];

/** Climb the ladder; urgent: the first rung within 10 s. */
export function shutDown(step: Step, rule: Rule, reason: string, urgent: boolean): Step {
  const kept = step.effects.filter(({ tag }) => !BEFORE_THE_END.includes(tag));
  const unborn = step.effects.some(({ tag }) => tag === 'start-worker');
  const worker = unborn || step.state.worker.tag === 'waiting' ? ({ tag: 'none' } as const) : step.state.worker;
  const pause: Effect[] = hasProcess(worker) ? [{ tag: 'pause-worker' }] : [];
  const state = { ...step.state, phase: 'stopping', reason, urgent, worker } as const;
  return { state, effects: [...kept, ...pause, { tag: 'shut-down', urgent }], rule };
}

/** No new tasks from here on; those that run may end. */
export function beginDrain(step: Step, ending: Ending, ageMs: number): Step {
  const kept = step.effects.filter(({ tag }) => !BEFORE_THE_END.includes(tag));
  const state = { ...step.state, phase: 'draining', reason: ending.why, ending, lookedAgeMs: ageMs } as const;
  return { state, effects: [...kept, { tag: 'pause-worker' }], rule: ending.rule };
}

/** Drains what runs; where nothing does, the end comes at once. */
export function drainOrEnd(step: Step, ending: Ending, ageMs: number): Step {
  if (step.state.running.length > 0) return beginDrain(step, ending, ageMs);
  const state = { ...step.state, ending };
  return shutDown({ ...step, state }, ending.rule, `${ending.why}; nothing runs`, false);
}
