/** What tells a runner to take no more jobs, or to take them again. */
export type RunnerOrder =
  | { readonly tag: 'signal'; readonly signal: NodeJS.Signals }
  /** A program with its arguments, run as the worker's user. */
  | { readonly tag: 'command'; readonly argv: readonly string[] };

export type DrainWay =
  /** There is none: the runner runs on. */
  | { readonly tag: 'none' }
  | (Extract<RunnerOrder, { tag: 'signal' }> & {
      /** `idle`: it would cancel what runs, so it is sent between two jobs. */
      readonly when: 'at-once' | 'idle';
    })
  | Extract<RunnerOrder, { tag: 'command' }>;

export interface IntakeFacts {
  readonly wanted: 'open' | 'closed';
  /** What the runner was told last, and took. */
  readonly told: 'open' | 'closed';
  /** An order is on its way. */
  readonly ordering: boolean;
  /** The runner has a process. */
  readonly alive: boolean;
  readonly busy: boolean;
}

export type IntakeStep = 'nothing' | 'drain' | 'undrain' | 'start';

/**
 * What to do next so that the runner takes jobs, or does not. Without a way back (`undrain`) a runner that was drained
 * is replaced by a new one as soon as it runs nothing: most runners leave by themselves once they are drained.
 */
export function nextIntakeStep(facts: IntakeFacts, drain: DrainWay, undrain: RunnerOrder | undefined): IntakeStep {
  const { wanted, told, ordering, alive, busy } = facts;
  if (ordering || wanted === told) return 'nothing';
  if (wanted === 'closed') {
    if (!alive || drain.tag === 'none') return 'nothing';
    return drain.tag === 'signal' && drain.when === 'idle' && busy ? 'nothing' : 'drain';
  }
  if (alive && undrain !== undefined) return 'undrain';
  return busy ? 'nothing' : 'start';
}

/** Whether only the jobs that run are in the way of the next step. */
export function waitsForJobs(facts: IntakeFacts, drain: DrainWay, undrain: RunnerOrder | undefined): boolean {
  if (nextIntakeStep(facts, drain, undrain) !== 'nothing') return false;
  return nextIntakeStep({ ...facts, busy: false }, drain, undrain) !== 'nothing';
}
