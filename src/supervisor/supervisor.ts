import { assertNever } from '../lib/assert-never.ts';
import type { Logger } from '../lib/log.ts';
import type { Clock } from '../platform/clock.ts';
import type { RunningTask, WorkerMessage } from '../platform/worker-link.ts';
import { deadlinesOf, nextWakeAgeMs } from './deadlines.ts';
import { decide } from './policy.ts';
import type { Effect, Event, Policy, RungOutcome, State } from './policy-types.ts';

/** The longest time without a look at the clocks: timers stand still while the machine sleeps. */
const LONGEST_WAIT_MS = 10_000;

/** How often the disk is measured and the journal gets a fresh age. */
const HOUSEKEEPING_MS = 60_000;

/** What the supervisor does to the world. Outcomes come back through `dispatch`. */
export interface Actions {
  startWorker(): void;
  pauseWorker(): void;
  /** What a dead or hanging worker left running. */
  lookAtWorker(): readonly RunningTask[];
  /** Takes note of the processes that the worker has. */
  refreshWorker(): void;
  /** See `Event` of tag `timer`. */
  silentMs(): number | null;
  shutDown(urgent: AbortSignal): void;
  /** Bytes; undefined when it cannot be told. */
  freeBytes(): number | undefined;
  saveJournal(): void;
}

/** An event without its time: the supervisor puts in the age. */
type Untimed = Event extends infer Each ? (Each extends Event ? Omit<Each, 'ageMs'> : never) : never;

export interface SupervisorDeps {
  readonly policy: Policy;
  readonly state: State;
  /** Age of the life now. */
  readonly ageMs: () => number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly actions: Actions;
}

/** What of the state must survive: a change of it is written at once. */
function lastingPart(state: State): string {
  const { servedAgeMs, ending, unusable, restartAgesMs, ladder, phase, urgent } = state;
  return JSON.stringify([servedAgeMs, ending, unusable, restartAgesMs, ladder.attempts, phase, urgent]);
}

/** Turns what happens into decisions and carries their effects out. Holds no rule of its own. */
export class Supervisor {
  readonly #deps: SupervisorDeps;
  readonly #urgent = new AbortController();
  readonly #queue: Event[] = [];
  #state: State;
  #working = false;
  #cancelTimer = () => {};
  #tidiedMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(deps: SupervisorDeps) {
    this.#deps = deps;
    this.#state = deps.state;
  }

  get state(): State {
    return this.#state;
  }

  get deadlines(): ReturnType<typeof deadlinesOf> {
    return deadlinesOf(this.#state, this.#deps.policy);
  }

  start(): void {
    this.#deps.actions.saveJournal();
    this.dispatch({ tag: 'started' });
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
    const before = lastingPart(this.#state);
    const [state, effects] = decide(this.#state, event, this.#deps.policy);
    this.#state = state;
    if (lastingPart(state) !== before) this.#deps.actions.saveJournal();
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
    const dueMs = nextWakeAgeMs(this.#state, this.#deps.policy) - this.#deps.ageMs();
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
