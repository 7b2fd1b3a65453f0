import { describe, expect, test } from 'bun:test';
import type { Fetch } from '../../src/platform/bounded-request.ts';
import { createMetadata } from '../../src/platform/metadata/metadata.ts';
import { CloudWatch } from '../../src/supervisor/cloud-watch.ts';
import type { Policy } from '../../src/supervisor/policy-types.ts';
import { Supervisor } from '../../src/supervisor/supervisor.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeMetadata, type Fault } from '../support/fake-metadata.ts';
import { quietLogger } from '../support/quiet-logger.ts';
import { waitFor } from '../support/wait-for.ts';
import { MINUTE, NEW, POLICY, tasks } from './policy-support.ts';

/** D comes early, so that a machine that polls every 10 s gets there soon. */
const D_MS = 20 * MINUTE;
const SHUT_DOWN_AT_D = `shut down ${D_MS / 1_000}`;
const SOON: Policy = { ...POLICY, idleAfterMs: D_MS, hardCapMs: 2 * MINUTE };

/** A supervisor with the real metadata client, the stand-in on a real socket, and a worker that only takes notes. */
class World implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly service = new FakeMetadata({ nowMs: this.clock.wallMs });
  /** What was done, and at which age in seconds. */
  readonly acts: string[] = [];
  readonly supervisor: Supervisor;
  readonly #stop = new AbortController();
  readonly #flight = { started: 0, flying: 0 };
  #silent = false;

  constructor(policy: Policy) {
    const { clock, acts } = this;
    const note = (act: string) => () => void acts.push(`${act} ${clock.monoMs() / 1_000}`);
    const actions = {
      startWorker: note('start'),
      pauseWorker: note('pause'),
      resumeWorker: note('resume'),
      lookAtWorker: () => [],
      refreshWorker: () => {},
      silentMs: () => 0,
      shutDown: note('shut down'),
      freeBytes: () => undefined,
      saveJournal: () => {},
    };
    const { log } = quietLogger();
    this.supervisor = new Supervisor({ policy, state: NEW, ageMs: clock.monoMs, clock, log, actions });
  }

  /** Serves since age 0, with that many tasks running; the tag was read as ready. */
  async begin(running = 0): Promise<this> {
    const { clock, supervisor } = this;
    await this.service.start();
    supervisor.start();
    supervisor.workerSays({ type: 'registered' });
    supervisor.workerSays({ type: 'state', intake: 'open', running: tasks(running) });
    const watch = new CloudWatch({
      metadata: createMetadata({ endpoint: this.service.endpoint, fetch: this.#fetch, clock }),
      clock,
      log: quietLogger().log,
      ports: { dispatch: (event) => supervisor.dispatch(event), launched: () => {}, nobodyThere: () => {} },
      readyTag: 'PWPoolReady',
      readyPollMs: 10_000,
      mayBeNone: false,
      settledNone: false,
      isNew: () => false,
    });
    watch.run(true, this.#stop.signal).catch(() => {}); // it ends with the test
    await this.until(5);
    expect(supervisor.state).toMatchObject({ phase: 'serving', ready: { value: 'true' } });
    this.acts.length = 0;
    return this;
  }

  /** The service misbehaves from now on, or no more. */
  misbehave(fault: Fault | undefined): void {
    this.#silent = fault === 'silence';
    this.service.fault(fault);
  }

  /** Lets time run up to that age; it stands still while an answer is on its way. */
  async until(ageSeconds: number): Promise<void> {
    const { clock } = this;
    while (clock.monoMs() < ageSeconds * 1_000) {
      if (this.#expectsAnswer()) await Bun.sleep(0);
      else await clock.advance(Math.min(1_000, ageSeconds * 1_000 - clock.monoMs()));
    }
    while (this.#expectsAnswer()) await Bun.sleep(0);
    await clock.advance(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.supervisor.stop();
    await this.service.stop();
  }

  #expectsAnswer(): boolean {
    const unheard = this.service.seen.length < this.#flight.started;
    return this.#flight.flying > 0 && (unheard || !this.#silent);
  }

  #fetch: Fetch = async (url, init) => {
    this.#flight.started += 1;
    this.#flight.flying += 1;
    try {
      const response = await fetch(url, init);
      return new Response(await response.text(), response);
    } finally {
      this.#flight.flying -= 1;
    }
  };
}

test('A20: a read fails once, the next one is fine: nothing changes', async () => {
  await using world = await new World(POLICY).begin();
  world.misbehave('reset');
  await world.until(15);
  expect(world.supervisor.state.metadata.failures).toBe(1);
  world.misbehave(undefined);
  await world.until(120);
  expect(world.supervisor.state).toMatchObject({ phase: 'serving', metadata: { failures: 0, lost: false } });
  expect(world.acts).toEqual([]);
});

test('A21: 45 s without metadata pause the intake and end nothing', async () => {
  await using world = await new World(POLICY).begin(1);
  world.misbehave('reset');
  await world.until(55);
  expect(world.supervisor.state).toMatchObject({ phase: 'serving', metadata: { lost: true }, running: [{ id: '0' }] });
  expect(world.acts).toEqual(['pause 30']);
  world.misbehave(undefined);
  await world.until(300);
  expect(world.acts).toEqual(['pause 30', 'resume 60']);
  expect(world.supervisor.state).toMatchObject({ phase: 'serving', metadata: { lost: false } });
});

test('A22: metadata down for good: paused, and the shutdown comes at D all the same', async () => {
  await using world = await new World(SOON).begin();
  await world.until(MINUTE / 1_000);
  world.acts.length = 0;
  await world.service.stop();
  await world.until(D_MS / 1_000 - 1);
  expect(world.acts).toEqual(['pause 90']);
  await world.until(D_MS / 1_000);
  expect(world.acts.at(-1)).toBe(SHUT_DOWN_AT_D);
  expect(world.supervisor.state.reason).toContain('idle check');
});

describe('A23: a 200 that says nothing counts as failure, not as a value', () => {
  test.each(['empty', 'html'] as const)('%s', async (fault) => {
    await using world = await new World(POLICY).begin();
    world.misbehave(fault);
    await world.until(15);
    expect(world.supervisor.state.metadata.failures).toBe(1);
    await world.until(120);
    expect(world.supervisor.state).toMatchObject({
      phase: 'serving',
      ready: { value: 'true' },
      metadata: { lost: true },
    });
    expect(world.acts).toEqual(['pause 30']);
  });
});

test('A24: a service that accepts and never answers delays nothing', async () => {
  await using world = await new World(SOON).begin();
  world.misbehave('silence');
  await world.until(15);
  await waitFor('the request of 10 s to be given up', () => world.service.connections === 0);
  await world.until(D_MS / 1_000 + 2); // the last request began at D
  expect([world.acts.at(0), world.acts.at(-1)]).toEqual(['pause 35', SHUT_DOWN_AT_D]);
});

describe('the ready tag, changed while the machine runs', () => {
  test.each([
    ['A16: false', { PWPoolReady: 'false' }],
    ['A17: removed', { Name: 'MacM1-7' }],
    ['strange bytes', { PWPoolReady: 'true\u0000' }],
  ])('%s: no new tasks, the running one goes on, and D does not apply', async (_name, tags) => {
    await using world = await new World(SOON).begin(1);
    world.service.instance.tags = tags;
    await world.until(65);
    expect(world.supervisor.state).toMatchObject({ phase: 'withdrawn', running: [{ id: '0' }] });
    expect(world.acts).toEqual(['pause 20']);
    await world.until(D_MS / 1_000 + 200);
    expect(world.acts).toEqual(['pause 20']);
  });

  test('A19: back to true: it serves again, and D has not moved', async () => {
    await using world = await new World(SOON).begin();
    world.service.instance.tags = { PWPoolReady: 'false' };
    await world.until(65);
    world.service.instance.tags = { PWPoolReady: 'true' };
    await world.until(D_MS / 1_000);
    expect(world.acts.slice(0, 2)).toEqual(['pause 20', 'resume 70']);
    expect(world.acts.at(-1)).toBe(SHUT_DOWN_AT_D);
  });
});
