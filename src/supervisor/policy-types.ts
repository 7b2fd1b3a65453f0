import type { RunningTask } from '../platform/worker-link.ts';

/** `starting → serving ⇄ withdrawn → draining → stopping → halted`. */
export type Phase = 'starting' | 'serving' | 'withdrawn' | 'draining' | 'stopping' | 'halted';

/** What made a decision; the `rule` field of its log record. */
export type Rule =
  | 'start'
  | 'serving'
  | 'lifetime'
  | 'idle-check'
  | 'drain'
  | 'hard-cap'
  | 'worker-death'
  | 'hung-worker'
  | 'unusable-worker'
  | 'used-up'
  | 'withdrawn'
  | 'returned'
  | 'metadata-lost'
  | 'notice'
  | 'operator'
  | 'identity'
  | 'disk'
  | 'ladder';

/**
 * The numbers of one life. All ages count from the beginning of the life, on a clock that never steps. They may
 * become smaller within a life, never larger (see `beginLife`).
 */
export interface Limits {
  /** The machine ends at this age, whatever runs. */
  readonly lifetimeMs: number;
  /** Idle check, counted from the first serving, jitter included. */
  readonly idleAfterMs: number;
  /** From the moment when the machine should have ended to the one when it does, whatever runs. */
  readonly hardCapMs: number;
}

export interface Policy extends Limits {
  readonly drainPollMs: number;
  readonly onExit: 'shutdown' | 'restart';
  readonly restartLimit: number;
  readonly restartWindowMs: number;
  readonly staleAfterMs: number;
  /** 0: the disk rule is off. */
  readonly minFreeBytes: number;
  /** 0: any number of tasks. */
  readonly maxTasks: number;
  readonly onDirty: 'report' | 'drain';
  /** Between the two reads of the ready tag that withdraw the machine. */
  readonly readyPollMs: number;
  /** A metadata service without answer for so long is lost. */
  readonly lostAfterMs: number;
  /** How long before a notice's time the machine ends at the latest. */
  readonly noticeMarginMs: number;
  /** The worker serves only once the tag was read as ready: it is not ours to ask whether it registered. */
  readonly servesWhenReady: boolean;
}

export type EndingRule = Extract<
  Rule,
  'drain' | 'worker-death' | 'hung-worker' | 'unusable-worker' | 'used-up' | 'notice' | 'operator'
>;

/** Why no new task is taken any more, and since which age. */
export interface Ending {
  readonly rule: EndingRule;
  readonly why: string;
  readonly sinceAgeMs: number;
}

export type WorkerState =
  | { readonly tag: 'none' }
  /** Died; the next one starts at that age. */
  | { readonly tag: 'waiting'; readonly dueAgeMs: number }
  /** Has a process, has not registered. */
  | { readonly tag: 'starting' }
  | { readonly tag: 'up' };

export interface LadderState {
  /** Rungs issued so far in this life. */
  readonly attempts: number;
  readonly lastStep: string | null;
  readonly lastError: string | null;
  /** A whole round went by and the machine is still there. */
  readonly fruitless: boolean;
}

/** What the ready tag said; null: there is no such tag. */
export interface ReadyTag {
  readonly value: string | null;
  /** Since which age it is so. */
  readonly sinceAgeMs: number;
}

export interface MetadataState {
  /** Since the last answer. */
  readonly failures: number;
  /** It has been silent for too long: no new tasks until it answers. */
  readonly lost: boolean;
}

/** The cloud takes the machine away at that age; null: it did not say when. */
export interface Notice {
  readonly what: string;
  readonly dueAgeMs: number | null;
}

export interface State {
  readonly phase: Phase;
  /** For people: why the phase is what it is. */
  readonly reason: string;
  /** T0: age at the first serving of this life. */
  readonly servedAgeMs: number | null;
  readonly ending: Ending | null;
  /** Set while the worker cannot be started with what it was given; it has never served. */
  readonly unusable: Ending | null;
  readonly worker: WorkerState;
  /** Ages at which a worker was started again after a death. */
  readonly restartAgesMs: readonly number[];
  readonly running: readonly RunningTask[];
  readonly intake: 'open' | 'paused';
  /** What the worker says hinders it. */
  readonly trouble: string | null;
  readonly lowDisk: boolean;
  /** Null until it was read. */
  readonly ready: ReadyTag | null;
  readonly metadata: MetadataState;
  readonly notice: Notice | null;
  /** Tasks that ended in this life. */
  readonly finishedTasks: number;
  /** What a task left that could not be undone. */
  readonly dirty: string | null;
  /** Last look at a draining worker. */
  readonly lookedAgeMs: number;
  /** The ladder has been told to hurry. */
  readonly urgent: boolean;
  readonly ladder: LadderState;
}

export type OperatorCommand = 'drain' | 'resume' | 'shutdown';
export type AuditVerdict = 'clean' | 'cleaned' | 'dirty';

export type RungOutcome = 'issued' | 'accepted' | 'failed' | 'no-effect';

/** `ageMs` is the age of the life when it happened. */
export type Event = { readonly ageMs: number } & (
  | { readonly tag: 'started' }
  | { readonly tag: 'worker-registered' }
  | { readonly tag: 'worker-reported'; readonly intake: 'open' | 'paused'; readonly running: readonly RunningTask[] }
  | { readonly tag: 'worker-trouble'; readonly message: string | null }
  /** `left`: what the worker started and what outlived it. */
  | {
      readonly tag: 'worker-exited';
      readonly code: number | null;
      readonly why: string;
      readonly left: readonly RunningTask[];
    }
  /** What is still there of a worker that died. */
  | { readonly tag: 'looked'; readonly left: readonly RunningTask[] }
  /** `silentMs`: how long the worker's loop has not been heard, machine sleep left out; null without a worker. */
  | { readonly tag: 'timer'; readonly silentMs: number | null }
  | { readonly tag: 'disk'; readonly freeBytes: number }
  /** The ready tag was really read; null: it is not there. */
  | { readonly tag: 'tag-read'; readonly value: string | null }
  /** The metadata service answered something that decides nothing here. */
  | { readonly tag: 'metadata-answered' }
  /** `silentMs`: since the last answer, or since the first question. */
  | { readonly tag: 'metadata-failed'; readonly problem: string; readonly silentMs: number }
  /** `inMs`: until the time of which the notice tells; null when it tells none. */
  | { readonly tag: 'notice'; readonly what: string; readonly inMs: number | null }
  | { readonly tag: 'operator'; readonly command: OperatorCommand; readonly reason: string }
  /** Tasks of a worker that does not tell them by itself ended. */
  | { readonly tag: 'task-ended'; readonly count: number }
  | { readonly tag: 'audited'; readonly verdict: AuditVerdict; readonly reasons: readonly string[] }
  /** Nothing that could be a worker can be started with this set-up. */
  | { readonly tag: 'set-up-unusable'; readonly why: string }
  | {
      readonly tag: 'rung';
      readonly step: string;
      readonly outcome: RungOutcome;
      readonly error: string | null;
    }
);

/** The one structured log line of a decision. */
export interface DecisionRecord {
  readonly rule: Rule;
  readonly from: Phase;
  readonly to: Phase;
  readonly event: Event['tag'];
  readonly ageMs: number;
  readonly reason: string;
}

export type Effect =
  | { readonly tag: 'start-worker' }
  | { readonly tag: 'pause-worker' }
  | { readonly tag: 'resume-worker' }
  /** See what still runs. */
  | { readonly tag: 'look' }
  /** Climb the shutdown ladder; urgent: the first rung within 10 s. */
  | { readonly tag: 'shut-down'; readonly urgent: boolean }
  /** A ladder that is being climbed in good order must be at its first rung within 10 s. */
  | { readonly tag: 'hurry' }
  | { readonly tag: 'record'; readonly record: DecisionRecord };

/** A worker that has a process. */
export function hasProcess(worker: WorkerState): boolean {
  return worker.tag === 'starting' || worker.tag === 'up';
}
