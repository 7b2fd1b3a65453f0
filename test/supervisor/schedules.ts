import type { Clock } from '../../src/platform/clock.ts';
import { deadlinesOf, nextWakeAgeMs } from '../../src/supervisor/deadlines.ts';
import type { JournalEntry, Loaded } from '../../src/supervisor/journal.ts';
import { beginLife, type LifeSettings } from '../../src/supervisor/life.ts';
import { LifeHolder } from '../../src/supervisor/life-holder.ts';
import { decide } from '../../src/supervisor/policy.ts';
import type { Effect, Event, Policy, State } from '../../src/supervisor/policy-types.ts';
import type { Untimed } from '../../src/supervisor/supervisor.ts';
import { HOUR, MINUTE, POLICY, tasks } from './policy-support.ts';

/** A small generator of chances with a seed, so that each schedule can be run again. */
export function chances(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const FAULTS = [
  'kill',
  'reboot',
  'clock-step',
  'metadata-down',
  'metadata-up',
  'metadata-off-clock',
  'metadata-contradicts',
  'tag-off',
  'tag-on',
  'worker-crash',
  'worker-stops',
  'tasks',
  'disk',
  'ladder-fails',
  'journal-lost',
  'journal-read-only',
  'journal-writable',
  'notice',
  'operator',
] as const;

export type Fault = (typeof FAULTS)[number];

export interface Counts {
  schedules: number;
  events: number;
  starts: number;
  shutdowns: number;
  readonly faults: Record<Fault, number>;
}

const YEAR = 365 * 24 * HOUR;
const LAUNCH_WALL = Date.UTC(2026, 5, 1);
const END = 62 * HOUR;

/** One machine in virtual time, from its launch at 0; the supervisor in it is the real one but for its effects. */
export class Machine {
  nowMs = 0;
  readonly #chance: () => number;
  readonly #counts: Counts;
  readonly #settings: LifeSettings;
  readonly #policy: Omit<Policy, 'lifetimeMs' | 'idleAfterMs' | 'hardCapMs'>;
  readonly #source: 'none' | 'ec2' | 'auto';
  #boot = { number: 1, startedMs: 0 };
  #wallOffsetMs = 0;
  #serviceOffsetMs = 0;
  #wallStepped = false;
  #metadata: 'up' | 'down' | 'contradicts' = 'up';
  #tag: string | null = 'true';
  #journal: { readonly text: string; readonly anchorMs: number; readonly markMs: number } | 'absent' | 'spoiled' =
    'absent';
  #readOnly = false;
  /** What happened since the journal was last written is lost with the supervisor. */
  #stale = false;
  #ladderWorks = true;
  #off = false;
  #life: LifeHolder | undefined;
  #state: State | undefined;
  #limits: Policy | undefined;
  #known = false;
  #silent = false;
  #freeBytes = 2 ** 40;
  /** The earliest beginning that the supervisor's sources still tell. */
  #anchorMs = 0;
  #deadlines = new Map<string, number>();
  #lifeId = '';
  #ordered = false;

  constructor(chance: () => number, counts: Counts) {
    this.#chance = chance;
    this.#counts = counts;
    this.#source = this.#pick(['none', 'ec2', 'ec2', 'auto']);
    this.#settings = {
      lifetimeMs: 48 * HOUR,
      idleCheckMs: this.#pick([10 * HOUR, 24 * HOUR, 44 * HOUR]),
      jitterMs: this.#pick([0, 4 * HOUR]),
      hardCapMs: this.#pick([0, 2 * HOUR, 6 * HOUR]),
      from: this.#pick(['start', 'boot']),
    };
    this.#policy = {
      ...POLICY,
      drainPollMs: 20 * MINUTE,
      onExit: this.#pick(['shutdown', 'restart']),
      onDirty: this.#pick(['report', 'drain']),
      maxTasks: this.#pick([0, 0, 4]),
    };
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[Math.floor(this.#chance() * values.length)] as Value;
  }

  #clock = {
    continuousMs: () => this.nowMs - this.#boot.startedMs,
    wallMs: () => LAUNCH_WALL + this.nowMs + this.#wallOffsetMs,
  } as Clock;

  #fail(what: string): never {
    const { phase, reason } = this.#state as State;
    throw new Error(`${what} at ${this.nowMs} (source ${this.#source}, ${phase}: ${reason})`);
  }

  #loaded(): Loaded {
    if (this.#journal === 'absent') return { tag: 'absent' };
    if (this.#journal === 'spoiled') return { tag: 'spoiled', why: 'torn' };
    return { tag: 'found', entry: JSON.parse(this.#journal.text) as JournalEntry };
  }

  /** The supervisor comes up with nothing but what the journal tells. */
  start(): void {
    this.#counts.starts += 1;
    const reading = { continuousMs: this.#clock.continuousMs(), wallMs: this.#clock.wallMs() };
    const now = { ...reading, bootId: `boot ${this.#boot.number}`, source: this.#source };
    const loaded = this.#loaded();
    const life = beginLife(loaded, this.#settings, now, () => `life ${this.#counts.starts}`);
    this.#anchorMs = this.#anchorAtStart(loaded, life.journal === 'found');
    this.#life = new LifeHolder(life, this.#settings, now, this.#clock);
    this.#limits = { ...this.#policy, ...life.limits };
    this.#state = life.state;
    this.#known = false;
    this.#silent = false;
    this.#ordered = false;
    this.#newDeadlines(life.lifeId, life.journal !== 'found' || this.#stale);
    this.#seeInstance();
    this.dispatch({ tag: 'started' });
    this.#hearMetadata();
    this.#check();
  }

  #anchorAtStart(loaded: Loaded, goesOn: boolean): number {
    if (goesOn && typeof this.#journal === 'object') {
      const { anchorMs, markMs } = this.#journal;
      const sameBoot = loaded.tag === 'found' && loaded.entry.mark.bootId === `boot ${this.#boot.number}`;
      return sameBoot ? anchorMs : anchorMs + Math.max(0, this.#boot.startedMs - markMs);
    }
    const fromBoot = this.#source === 'ec2' || this.#settings.from === 'boot' || loaded.tag === 'spoiled';
    return fromBoot ? this.#boot.startedMs : this.nowMs;
  }

  #newDeadlines(lifeId: string, forget: boolean): void {
    if (forget || lifeId !== this.#lifeId) this.#deadlines = new Map();
    this.#lifeId = lifeId;
  }

  #seeInstance(): void {
    const [life, state] = [this.#life, this.#state];
    if (life === undefined || state === undefined || this.#known || this.#source === 'none') return;
    if (this.#metadata === 'down') return;
    const contradiction = this.#metadata === 'contradicts' ? 3 * YEAR : 0;
    const launchedAtMs = LAUNCH_WALL + this.#serviceOffsetMs + contradiction;
    const nowMs = LAUNCH_WALL + this.#serviceOffsetMs + Math.floor(this.nowMs / 1_000) * 1_000;
    const settled = life.settle({ instanceId: 'i-0123456789', launchedAtMs, nowMs, lifeBeganMs: null }, state);
    if (contradiction !== 0) return; // asked again when it has come to its senses
    this.#known = true;
    this.#anchorMs = 0;
    this.#state = settled.standing.state;
    this.#limits = { ...(this.#limits as Policy), ...life.limits };
    this.#deadlines = new Map();
    this.#save();
    this.dispatch({ tag: 'timer', silentMs: 0 });
  }

  #save(): void {
    if (this.#life === undefined || this.#state === undefined) return;
    this.#stale = this.#readOnly;
    if (this.#readOnly) return;
    const text = JSON.stringify(this.#life.entry(this.#state, []));
    this.#journal = { text, anchorMs: this.#anchorMs, markMs: this.nowMs };
  }

  #hearMetadata(): void {
    if (this.#source === 'none' || !this.#known) return;
    if (this.#metadata === 'down') this.dispatch({ tag: 'metadata-failed', problem: 'silence', silentMs: 10_000 });
    else this.dispatch({ tag: 'tag-read', value: this.#tag });
  }

  dispatch(untimed: Untimed): void {
    const [life, before, policy] = [this.#life, this.#state, this.#limits];
    if (life === undefined || before === undefined || policy === undefined || this.#off) return;
    const event = { ...untimed, ageMs: life.ageMs() } as Event;
    const [after, effects] = decide(before, event, policy);
    this.#counts.events += 1;
    this.#state = after;
    this.#judge(before, after, event, effects, policy);
    this.#save();
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    const state = this.#state as State;
    if (effect.tag === 'start-worker') {
      this.#silent = false;
      if (this.#chance() < 0.97) this.dispatch({ tag: 'worker-registered' });
      else this.dispatch({ tag: 'worker-exited', code: this.#pick([null, 69, 70, 78]), why: 'it ended', left: [] });
    } else if (effect.tag === 'look') this.dispatch({ tag: 'looked', left: state.running });
    else if (effect.tag === 'shut-down') {
      this.#counts.shutdowns += 1;
      this.#ordered = true;
      this.#climb();
    }
  }

  #climb(): void {
    this.dispatch({ tag: 'rung', step: 'command', outcome: 'issued', error: null });
    if (this.#ladderWorks) this.#off = true;
    else this.dispatch({ tag: 'rung', step: 'command', outcome: 'failed', error: 'ended with code 1' });
  }

  #judge(before: State, after: State, event: Event, effects: readonly Effect[], policy: Policy): void {
    const ends = effects.find((effect) => effect.tag === 'shut-down');
    if (ends?.tag === 'shut-down' && event.tag !== 'started' && event.tag !== 'operator' && !ends.urgent) {
      if (after.running.length > 0) this.#fail('a busy machine was shut down before its drain rules allow');
    }
    if (ends?.tag === 'shut-down' && ends.urgent && event.tag !== 'started') {
      const come = deadlinesOf(before, policy).some(({ dueAgeMs }) => event.ageMs >= dueAgeMs);
      const after_ = deadlinesOf({ ...after, phase: 'draining' }, policy).some(
        ({ dueAgeMs }) => event.ageMs >= dueAgeMs,
      );
      if (!come && !after_) this.#fail('an urgent shutdown without a deadline');
    }
    const believed = event.ageMs <= this.nowMs + 1_000;
    if (!believed && !this.#wallStepped) this.#fail(`the age is ${event.ageMs}, more than the machine's`);
    const lifted = before.unusable !== after.unusable || (event.tag === 'operator' && event.command === 'resume');
    if (lifted) this.#deadlines.clear();
    for (const { rule, dueAgeMs } of deadlinesOf(after, policy)) {
      const known = this.#deadlines.get(rule) ?? Number.POSITIVE_INFINITY;
      if (dueAgeMs > known) this.#fail(`${rule} moved later by ${dueAgeMs - known} ms`);
      this.#deadlines.set(rule, dueAgeMs);
    }
  }

  /** The promise itself. */
  #check(): void {
    const state = this.#state;
    if (state === undefined || this.#off) return;
    const overdueMs = this.nowMs - this.#anchorMs - this.#settings.lifetimeMs;
    const ended = (state.phase === 'stopping' || state.phase === 'halted') && this.#ordered;
    if (overdueMs > 1_000 && !ended) this.#fail(`the machine outlives its lifetime by ${overdueMs} ms`);
  }

  /** Lets time pass; between events the supervisor is asked exactly when it wanted to be. */
  passUntil(wantedMs: number): void {
    const endMs = Math.round(wantedMs);
    for (let round = 0; this.#state !== undefined && !this.#off; round += 1) {
      const [state, life] = [this.#state, this.#life as LifeHolder];
      const silentSoon =
        this.#silent && state.worker.tag !== 'none' ? this.nowMs + 10 * MINUTE : Number.POSITIVE_INFINITY;
      const wake = this.nowMs + nextWakeAgeMs(state, this.#limits as Policy) - life.ageMs();
      const next = Math.ceil(Math.min(wake, silentSoon));
      if (next > endMs) break;
      if (round > 5_000) this.#fail('it asks again and again');
      this.nowMs = Math.max(this.nowMs, next);
      this.dispatch({ tag: 'timer', silentMs: this.#silent ? 11 * MINUTE : 0 });
      this.#check();
    }
    this.nowMs = Math.max(this.nowMs, endMs);
    this.#check();
  }

  happens(fault: Fault): void {
    this.#counts.faults[fault] += 1;
    const chance = this.#chance;
    switch (fault) {
      case 'kill':
        this.#state = undefined;
        this.passUntil(this.nowMs + (chance() < 0.8 ? 30_000 : chance() * 6 * HOUR));
        this.start();
        break;
      case 'reboot': {
        this.#state = undefined;
        const awayMs = Math.round(chance() * 2 * HOUR);
        this.nowMs += awayMs;
        this.#boot = { number: this.#boot.number + 1, startedMs: this.nowMs };
        this.nowMs += Math.round(chance() * 5 * MINUTE);
        this.start();
        break;
      }
      case 'clock-step':
        this.#wallStepped = true;
        this.#wallOffsetMs += Math.round((chance() * 2 - 1) * 10 * YEAR);
        break;
      case 'metadata-down':
        this.#metadata = 'down';
        for (const silentMs of [10_000, 45_000]) {
          if (this.#known) this.dispatch({ tag: 'metadata-failed', problem: 'silence', silentMs });
        }
        break;
      case 'metadata-up':
        this.#metadata = 'up';
        this.#seeInstance();
        this.#hearMetadata();
        break;
      case 'metadata-off-clock':
        this.#serviceOffsetMs = Math.round((chance() * 2 - 1) * 40 * 24 * HOUR);
        break;
      case 'metadata-contradicts':
        this.#metadata = 'contradicts';
        break;
      case 'tag-off':
      case 'tag-on':
        this.#tag = fault === 'tag-on' ? 'true' : this.#pick([null, 'false', '\u0000', '']);
        this.#hearMetadata();
        this.passUntil(this.nowMs + 10_000);
        this.#hearMetadata();
        break;
      case 'worker-crash':
        this.dispatch({ tag: 'worker-exited', code: null, why: 'killed', left: tasks(Math.floor(chance() * 2)) });
        break;
      case 'worker-stops':
        this.#silent = true;
        break;
      case 'tasks':
        this.dispatch({ tag: 'worker-reported', intake: 'open', running: tasks(Math.floor(chance() * 3)) });
        this.dispatch({ tag: 'audited', verdict: this.#pick(['clean', 'dirty', 'cleaned']), reasons: ['a mount'] });
        break;
      case 'disk':
        this.#freeBytes = this.#freeBytes === 0 ? 2 ** 40 : 0;
        this.dispatch({ tag: 'disk', freeBytes: this.#freeBytes });
        break;
      case 'ladder-fails':
        this.#ladderWorks = !this.#ladderWorks;
        if (this.#ladderWorks && this.#ordered) this.#climb();
        break;
      case 'journal-lost':
        this.#journal = 'spoiled';
        break;
      case 'journal-read-only':
        this.#readOnly = true;
        break;
      case 'journal-writable':
        this.#readOnly = false;
        break;
      case 'notice':
        this.dispatch({ tag: 'notice', what: 'retirement', inMs: this.#pick([null, HOUR, 20 * HOUR]) });
        break;
      case 'operator':
        this.dispatch({
          tag: 'operator',
          command: this.#pick(['drain', 'resume', 'resume', 'shutdown']),
          reason: 'so',
        });
        break;
    }
    this.#check();
  }

  get over(): boolean {
    return this.#off;
  }
}

/** Rarely what ends a machine at once, so that most of them live long enough to meet many faults. */
const RARE: readonly Fault[] = ['notice', 'operator', 'disk', 'worker-stops', 'worker-crash'];

function runOne(seed: number, counts: Counts): void {
  const chance = chances(seed);
  const machine = new Machine(chance, counts);
  machine.nowMs = Math.round(chance() * 30 * MINUTE);
  machine.start();
  const faults = 3 + Math.floor(chance() * 60);
  for (let index = 0; index < faults && !machine.over; index += 1) {
    machine.passUntil(machine.nowMs + (chance() * 2 * END) / faults);
    const fault = FAULTS[Math.floor(chance() * FAULTS.length)] as Fault;
    if (!machine.over && !(RARE.includes(fault) && chance() < 0.9)) machine.happens(fault);
  }
  machine.passUntil(machine.nowMs + END);
  counts.schedules += 1;
}

/** Runs that many random schedules; throws with the seed of the first that breaks a promise. */
export function runSchedules(count: number, seed: number): Counts {
  const faults = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  const counts: Counts = { schedules: 0, events: 0, starts: 0, shutdowns: 0, faults };
  for (let index = 0; index < count; index += 1) {
    try {
      runOne(seed + index, counts);
    } catch (error) {
      throw new Error(`schedule with seed ${seed + index}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }
  return counts;
}

/** In one line, for people. */
export function tellCounts({ schedules, events, starts, shutdowns, faults }: Counts, seed: number): string {
  const told = Object.entries(faults).map(([fault, count]) => `${fault} ${count}`);
  return `seed ${seed}: ${schedules} schedules, ${events} events, ${starts} starts, ${shutdowns} shutdowns; ${told.join(', ')}`;
}
