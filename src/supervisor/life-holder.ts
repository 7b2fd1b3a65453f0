import type { Clock } from '../platform/clock.ts';
import type { ClockReading } from './age.ts';
import type { JournalEntry } from './journal.ts';
import { type Launch, type Settled, settleLaunch } from './launch.ts';
import { journalEntryOf, type Life, type LifeSettings } from './life.ts';
import type { Limits, State } from './policy-types.ts';

/** The life that goes on: its age at any moment, and what EC2 tells about it. */
export class LifeHolder {
  readonly #clock: Clock;
  readonly #bootId: string;
  readonly #settings: LifeSettings;
  #life: Life;
  #readMs: number;

  /** `started`: the clocks at the moment to which the ages of `life` belong. */
  constructor(life: Life, settings: LifeSettings, started: ClockReading, clock: Clock) {
    this.#life = life;
    this.#settings = settings;
    this.#clock = clock;
    this.#bootId = started.bootId;
    this.#readMs = started.continuousMs;
  }

  get limits(): Limits {
    return this.#life.limits;
  }

  get instanceId(): string | null {
    return this.#life.instanceId;
  }

  /** There was nothing that could be a journal: tells a replaced root volume from a restart. */
  get isNew(): boolean {
    return this.#life.journal === 'absent' && this.#life.instanceId === null;
  }

  get settledNone(): boolean {
    return this.#life.settledNone;
  }

  ageMs(): number {
    return this.#ageAt(this.#clock.continuousMs());
  }

  #ageAt(continuousMs: number): number {
    return this.#life.ageMs + continuousMs - this.#readMs;
  }

  /** Nothing answers where the metadata service would be. */
  settleNone(): void {
    this.#life = { ...this.#life, settledNone: true };
  }

  /** Takes in what the metadata service told; `state` is that of the policy now. Ages count from another moment then. */
  settle(launch: Launch, state: State): Settled {
    const elapsedMs = this.#clock.continuousMs() - this.#readMs;
    const { ageMs, certainAgeMs } = this.#life;
    const now = { ageMs: ageMs + elapsedMs, certainAgeMs: certainAgeMs + elapsedMs, state };
    const settled = settleLaunch({ ...this.#life, ...now }, launch, this.#settings);
    this.#readMs += elapsedMs;
    this.#life = { ...this.#life, ...settled.standing };
    return settled;
  }

  /** What the journal keeps now. */
  entry(state: State, processes: JournalEntry['processes']): JournalEntry {
    const { clock, bootId } = { clock: this.#clock, bootId: this.#bootId };
    const continuousMs = clock.continuousMs(); // read once: the time between two readings would be lost at each restart
    const mark = { ageMs: this.#ageAt(continuousMs), continuousMs, bootId, wallMs: clock.wallMs() };
    const elapsedMs = mark.continuousMs - this.#readMs;
    const certainAgeMs = this.#life.uncertain ? this.#life.certainAgeMs + elapsedMs : null;
    return journalEntryOf(this.#life, certainAgeMs, state, mark, processes);
  }
}
