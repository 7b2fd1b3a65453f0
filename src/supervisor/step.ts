import type { Effect, Rule, State } from './policy-types.ts';

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
