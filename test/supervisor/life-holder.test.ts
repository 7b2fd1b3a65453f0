import { expect, test } from 'bun:test';
import { beginLife } from '../../src/supervisor/life.ts';
import { LifeHolder } from '../../src/supervisor/life-holder.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { HOUR, NEW } from './policy-support.ts';

/** A clock on which every look at it takes time. */
class SlowClock extends FakeClock {
  #reads = 0;
  override continuousMs = (): number => {
    this.#reads += 1;
    return this.monoMs() + this.#reads * 0.25;
  };
}

const settings = {
  lifetimeMs: 48 * HOUR,
  idleCheckMs: 24 * HOUR,
  jitterMs: 0,
  hardCapMs: 2 * HOUR,
  from: 'start',
} as const;

test('a thousand restarts lose no time: the journal holds an age and the very moment to which it belongs', () => {
  const clock = new SlowClock();
  const now = () => ({ continuousMs: clock.continuousMs(), wallMs: clock.wallMs(), bootId: 'b' });
  const first = now();
  let life = beginLife({ tag: 'absent' }, settings, { ...first, source: 'none' }, () => 'id');
  let started = first;
  for (let restart = 0; restart < 1_000; restart += 1) {
    const entry = new LifeHolder(life, settings, started, clock).entry(NEW, []);
    started = now();
    life = beginLife({ tag: 'found', entry }, settings, { ...started, source: 'none' }, () => 'other');
  }
  expect(life.ageMs).toBe(started.continuousMs - first.continuousMs);
});
