import { isDeepStrictEqual } from 'node:util';
import { assertNever } from '../lib/assert-never.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { RunningTask, WorkerMessage } from '../platform/worker-link.ts';
import { deadlinesOf, nextWakeAgeMs } from './deadlines.ts';
import { decide } from './policy.ts';
import type { DecisionRecord, Effect, Event, Policy, RungOutcome, State } from './policy-types.ts';

/** The longest time without a look at the clocks: timers stand still while the machine sleeps. */
const LONGEST_WAIT_MS = 10_000;

/** How often the disk is measured and the journal gets a fresh age. */
const HOUSEKEEPING_MS = 60_000;

/** What the supervisor does to the world. Outcomes come back through `dispatch`. */
export interface Actions {
  startWorker(): void;
  pauseWorker(): void;
  resumeWorker(): void;
  /** What a dead or hanging worker left running. */
  lookAtWorker(): readonly RunningTask[];
  /** Takes note of the processes that the worker has. */
  refreshWorker(): void;
  /** What runs, looked at now; only for a worker that does not tell by itself, so that old news end no machine. */
  runningNow?(): readonly RunningTask[];
  /** See `Event` of tag `timer`. */
  silentMs(): number | null;
  shutDown(urgent: AbortSignal): void;
  /** Bytes; undefined when it cannot be told. */
  freeBytes(): number | undefined;
  saveJournal(): void;
}

/** An event without its time: the supervisor puts in the age. */
export type Untimed = Event extends infer Each ? (Each extends Event ? Omit<Each, 'ageMs'> : never) : never;

/** How a worker ended. */
export type ExitReport = Omit<Extract<Event, { tag: 'worker-exited' }>, 'ageMs' | 'tag'>;

export interface SupervisorDeps {
  readonly policy: Policy;
  readonly state: State;
  /** Age of the life now. */
  readonly ageMs: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly actions: Actions;
  /** Takes note of each event that changed something. */
  readonly note?: (event: Event, decision: DecisionRecord | null, before: State, policy: Policy) => void;
}

/** What of the state must survive: a change of it is written at once. */
function lastingPart(state: State): string {
  const { servedAgeMs, ending, unusable, restartAgesMs, ladder, phase, urgent } = state;
  const { notice, finishedTasks, dirty } = state;
  const counted = [notice, finishedTasks, dirty, ladder.attempts, phase, urgent];
  return JSON.stringify([servedAgeMs, ending, unusable, restartAgesMs, ...counted]);
}

/** Turns what happens into decisions and carries their effects out. Holds no rule of its own. */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #urgent = new AbortController();
  readonly #queue: Event[] = [];
  #state: State;
  #policy: Policy;
  #working = false;
  #cancelTimer = () => {};
  #tidiedMs = Number.NEGATIVE_INFINITY;
  #started = false;
  #stopped = false;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#state = deps.state;
    this.#policy = deps.policy;
  }

  get state(): State {
    return this.#state;
  }

  get deadlines(): ReturnType<typeof deadlinesOf> {
    return deadlinesOf(this.#state, this.#policy);
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** `unusable`: why no worker can be started with this set-up. */
  start(unusable?: string): void {
    this.#started = true;
    this.#deps.actions.saveJournal();
    this.dispatch(unusable === undefined ? { tag: 'started' } : { tag: 'set-up-unusable', why: unusable });
    this.#wake();
  }

  /** The life turned out to be another one than was thought: its state and limits count from another beginning. */
  rebase(state: State, policy: Partial<Policy>): void {
    this.#state = state;
    this.#policy = { ...this.#policy, ...policy };
    if (!this.#started) return; // it begins with this life
    this.#deps.actions.saveJournal();
    this.#wake();
  }

  /** After this nothing is decided any more: the supervisor leaves, the machine stays. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
  }

  /** Decides about an event and carries out what follows, in the order of the events. */
  dispatch(event: Untimed): void {
    if (this.#stopped) return;
    this.#queue.push({ ...event, ageMs: this.#deps.ageMs() });
    if (this.#working) return; // an effect dispatched: it waits for its turn
    this.#working = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#take(next);
    } finally {
      this.#working = false;
    }
    this.#arm();
  }

  workerSays(message: WorkerMessage): void {
    switch (message.type) {
      case 'registered':
        this.dispatch({ tag: 'worker-registered' });
        break;
      case 'state':
        this.dispatch({ tag: 'worker-reported', intake: message.intake, running: message.running });
        break;
      case 'trouble':
        this.#noteTrouble(message.message);
        break;
      case 'progress':
        break; // being heard is all there is to it
      default:
        assertNever(message);
    }
  }

  rungReports(step: string, outcome: RungOutcome, error: string | null): void {
    this.dispatch({ tag: 'rung', step, outcome, error });
  }

  #noteTrouble(message: string | null): void {
    if (message !== this.#state.trouble) {
      if (message === null) this.#deps.log.info('the worker can serve again', { event: 'worker-trouble' });
      else this.#deps.log.warn('the worker cannot serve at present', { event: 'worker-trouble', reason: message });
    }
    this.dispatch({ tag: 'worker-trouble', message });
  }

  #take(event: Event): void {
    const running = this.#endsInOrder(event) ? this.#deps.actions.runningNow?.() : undefined;
    if (running !== undefined && running.length > 0) {
      const { intake } = this.#state;
      this.#apply({ tag: 'worker-reported', ageMs: event.ageMs, intake, running });
    }
    this.#apply(event);
  }

  #endsInOrder(event: Event): boolean {
    if (this.#deps.actions.runningNow === undefined) return false;
    const [, effects] = decide(this.#state, event, this.#policy);
    return effects.some((effect) => effect.tag === 'shut-down' && !effect.urgent);
  }

  #apply(event: Event): void {
    const before = this.#state;
    const [state, effects] = decide(before, event, this.#policy);
    this.#state = state;
    const record = effects.find((effect) => effect.tag === 'record')?.record ?? null;
    const unchanged = record === null && isDeepStrictEqual(state, before);
    if (!unchanged) this.#deps.note?.(event, record, before, this.#policy);
    if (lastingPart(state) !== lastingPart(before)) this.#deps.actions.saveJournal();
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const { actions, log } = this.#deps;
    switch (effect.tag) {
      case 'record':
        log.info('decision', { ...effect.record, ageMs: Math.round(effect.record.ageMs) });
        break;
      case 'start-worker':
        actions.startWorker();
        break;
      case 'pause-worker':
        actions.pauseWorker();
        break;
      case 'resume-worker':
        actions.resumeWorker();
        break;
      case 'look':
        actions.pauseWorker(); // once more, in case the first was not heard
        this.dispatch({ tag: 'looked', left: actions.lookAtWorker() });
        break;
      case 'shut-down':
        if (effect.urgent) this.#urgent.abort();
        actions.shutDown(this.#urgent.signal);
        break;
      case 'hurry':
        this.#urgent.abort();
        break;
      default:
        assertNever(effect);
    }
  }

  #arm(): void {
    this.#cancelTimer();
    if (this.#stopped) return;
    const dueMs = nextWakeAgeMs(this.#state, this.#policy) - this.#deps.ageMs();
    const waitMs = Math.min(LONGEST_WAIT_MS, Math.max(0, Math.ceil(dueMs)));
    this.#cancelTimer = this.#deps.clock.after(waitMs, () => this.#wake());
  }

  #wake(): void {
    const { actions, clock } = this.#deps;
    actions.refreshWorker();
    const nowMs = clock.continuousMs();
    if (nowMs - this.#tidiedMs >= HOUSEKEEPING_MS) {
      this.#tidiedMs = nowMs;
      actions.saveJournal();
      const freeBytes = actions.freeBytes();
      if (freeBytes !== undefined) this.dispatch({ tag: 'disk', freeBytes });
    }
    this.dispatch({ tag: 'timer', silentMs: actions.silentMs() });
  }
}
