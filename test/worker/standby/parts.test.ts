import { describe, expect, test } from 'bun:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { IsolationSchema, StandbyInstanceParametersSchema } from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { ModifierPool } from '../../../src/worker/standby/modifier-pool.ts';
import { PrePull } from '../../../src/worker/standby/pre-pull.ts';
import { parametersProblem, sameIsolation, sameParameters } from '../../../src/worker/standby/same-isolation.ts';
import { decideStandby, MAX_AGE_MS, type StandbyView } from '../../../src/worker/standby/standby-rules.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { memoryLogger } from '../../support/logger.ts';

describe('when there is a standby (specification of the worker, 9.1 and 9.2)', () => {
  const view: StandbyView = {
    state: 'none',
    resources: { 'tart-vms': 1 },
    free: { 'tart-vms': 2 },
    runningTasks: 0,
    draining: false,
    nowMs: 1_000,
    notBeforeMs: 0,
    readySinceMs: 0,
    stale: false,
  };
  test.each<[string, Partial<StandbyView>, string]>([
    ['there is room', {}, 'boot'],
    ['nobody wants one', { resources: undefined }, 'leave'],
    ['resources do not fit', { free: { 'tart-vms': 0.5 } }, 'leave'],
    ['the resource is not declared', { free: {} }, 'leave'],
    ['37: a task runs and both fit', { runningTasks: 1, free: { 'tart-vms': 1 } }, 'boot'],
    ['without resources, beside a task', { resources: {}, runningTasks: 1 }, 'leave'],
    ['without resources, alone', { resources: {} }, 'boot'],
    ['after a failure', { notBeforeMs: 1_001 }, 'leave'],
    ['the worker ends', { draining: true }, 'leave'],
    ['booting, all well', { state: 'booting' }, 'leave'],
    ['booting, a task needs the room', { state: 'booting', free: { 'tart-vms': 0 } }, 'close'],
    ['booting, the worker ends', { state: 'booting', draining: true }, 'close'],
    ['ready, all well', { state: 'ready' }, 'leave'],
    [
      '37: ready, beside a task that leaves room',
      { state: 'ready', runningTasks: 1, free: { 'tart-vms': 1 } },
      'leave',
    ],
    ['ready, a task needs the room', { state: 'ready', runningTasks: 2, free: { 'tart-vms': 0 } }, 'close'],
    ['ready without resources, a task comes', { state: 'ready', resources: {}, runningTasks: 1 }, 'close'],
    ['38: old', { state: 'ready', nowMs: MAX_AGE_MS }, 'close'],
    ['38: of an old image', { state: 'ready', stale: true }, 'close'],
    ['closing', { state: 'closing', draining: true }, 'leave'],
  ])('%s', (_name, change, expected) => {
    expect(decideStandby({ ...view, ...change })).toBe(expected as 'boot');
  });
});

describe('same isolation', () => {
  type Tart = Extract<NonNullable<MessageInitShape<typeof IsolationSchema>['type']>, { case: 'tart' }>['value'];
  const tart = (value: Tart) => create(IsolationSchema, { type: { case: 'tart', value: { image: 'a', ...value } } });
  const vetu = create(IsolationSchema, { type: { case: 'vetu', value: { image: 'a' } } });
  test.each([
    ['equal', tart({}), tart({}), true],
    ['defaults equal absent', tart({ user: 'admin', password: 'admin', port: 22 }), tart({}), true],
    ['another user', tart({ user: 'x' }), tart({}), false],
    ['another image', tart({ image: 'b' }), tart({}), false],
    ['another kind', vetu, tart({}), false],
    ['no isolation', undefined, tart({}), false],
    ['none at all', undefined, undefined, false],
    ['35: volumes without names', tart({ volumes: [{ source: '/a' }] }), tart({ volumes: [{ source: '/a' }] }), true],
    ['another volume', tart({ volumes: [{ source: '/b' }] }), tart({ volumes: [{ source: '/a' }] }), false],
  ])('%s', (_name, left, right, expected) => {
    expect(sameIsolation(left, right)).toBe(expected);
  });

  test('comparing changes nothing', () => {
    const one = tart({});
    sameIsolation(one, one);
    expect(one).toEqual(tart({}));
  });

  test('parameters: isolation, resources and warm-up', () => {
    const base = { isolation: tart({}), resources: { r: 1 }, warmup: { script: 's', timeoutSeconds: 1n } };
    const of = (change: Partial<typeof base>) => create(StandbyInstanceParametersSchema, { ...base, ...change });
    expect(sameParameters(of({}), of({ isolation: tart({ user: 'admin' }) }))).toBe(true);
    expect(sameParameters(of({}), of({ resources: { r: 2 } }))).toBe(false);
    expect(sameParameters(of({}), of({ warmup: { script: 's', timeoutSeconds: 2n } }))).toBe(false);
  });

  test.each([
    ['a container', { type: { case: 'container', value: { image: 'a' } } }, 'not container'],
    ['none', { type: { case: 'none', value: {} } }, 'not none'],
    ['nothing', {}, 'not nothing'],
    ['no image', { type: { case: 'tart', value: {} } }, 'no image'],
    ['endless', { type: { case: 'tart', value: { image: 'x'.repeat(70_000) } } }, 'too long'],
  ] as const)('36: %s is refused', (_name, isolation, why) => {
    const parameters = create(StandbyInstanceParametersSchema, { isolation: isolation as object });
    expect(parametersProblem(parameters)).toContain(why);
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('36: resources of %p are refused', (amount) => {
    const parameters = create(StandbyInstanceParametersSchema, { isolation: tart({}), resources: { r: amount } });
    expect(parametersProblem(parameters)).toContain('no amounts');
  });
});

describe('resource modifiers (specification of the worker, 9.4)', () => {
  const modifier = (match: Record<string, number>, argument: string) => ({ match, append: { run: [argument] } });
  const taken = (lease: ReturnType<ModifierPool['take']>) => (typeof lease === 'string' ? lease : lease.runArguments);

  test('the first that fits and is free', () => {
    const pool = new ModifierPool([
      modifier({ gpu: 0.5 }, 'a'),
      modifier({ gpu: 1 }, 'b'),
      modifier({ gpu: 0.5 }, 'c'),
    ]);
    expect(taken(pool.take({ gpu: 1 }))).toEqual(['b']);
    expect(taken(pool.take({ gpu: 0.5 }))).toEqual(['a']);
    expect(taken(pool.take({ gpu: 0.5 }))).toEqual(['c']);
  });

  test('every key must be asked for', () => {
    const pool = new ModifierPool([modifier({ gpu: 1, other: 1 }, 'a'), modifier({ gpu: 1 }, 'b')]);
    expect(taken(pool.take({ gpu: 1 }))).toEqual(['b']);
    expect(taken(pool.take({ gpu: 1, other: 0.5, more: 9 }))).toEqual(['a']);
  });

  test('W42: one in use is told, and is there again once it is given back', () => {
    const pool = new ModifierPool([modifier({ gpu: 0.5 }, 'a')]);
    const first = pool.take({ 'tart-vms': 1, gpu: 0.5 });
    expect(pool.take({ 'tart-vms': 1, gpu: 0.5 })).toBe('every resource modifier for gpu: 0.5 is in use');
    if (typeof first !== 'string') first.release();
    expect(taken(pool.take({ 'tart-vms': 1, gpu: 0.5 }))).toEqual(['a']);
  });

  test('what asks for no device needs none', () => {
    const pool = new ModifierPool([modifier({ gpu: 1 }, 'a')]);
    expect(taken(pool.take({ 'tart-vms': 1 }))).toEqual([]);
    expect(taken(pool.take({ gpu: 2 }))).toEqual([]);
  });

  test('a default for all machines is for one at a time', () => {
    const pool = new ModifierPool([modifier({}, 'a')]);
    expect(taken(pool.take({}))).toEqual(['a']);
    expect(taken(pool.take({}))).toEqual([]);
  });
});

describe('pre-pull (specification of the worker, 9.3)', () => {
  function start(settings: { images?: string[]; checkIntervalMs?: number; jitterMs?: number }) {
    const clock = new FakeClock();
    const pulls: string[] = [];
    const fresh: string[] = [];
    let failing = false;
    let isNew = false;
    const stop = new AbortController();
    const prePull = new PrePull(
      { images: ['a'], checkIntervalMs: 3_000, jitterMs: 3_000, ...settings },
      {
        clock,
        random: () => 0.5,
        log: memoryLogger(),
        onNewImage: (image) => fresh.push(image),
        async pull(image) {
          pulls.push(`${image} ${clock.monoMs()}`);
          if (failing) throw new Error('no network');
          return isNew;
        },
      },
    );
    const running = prePull.run(stop.signal);
    const end = async () => {
      stop.abort();
      await running;
      expect(clock.pending).toBe(0);
    };
    const set = (change: { failing?: boolean; isNew?: boolean }) => {
      failing = change.failing ?? failing;
      isNew = change.isNew ?? isNew;
    };
    return { clock, pulls, fresh, prePull, end, set };
  }

  test('W40: due at first without any standby, then after interval and jitter', async () => {
    const { clock, pulls, end } = start({});
    await clock.advance(4_400);
    expect(pulls).toEqual(['a 0']);
    await clock.advance(200);
    expect(pulls).toEqual(['a 0', 'a 4500']);
    await end();
  });

  test('W39: each image has its own clock, and a pull that failed does not set it', async () => {
    const { clock, pulls, end, set } = start({ images: ['a', 'b'], jitterMs: 0, checkIntervalMs: 600_000 });
    set({ failing: true });
    await clock.advance(0);
    set({ failing: false });
    await clock.advance(60_000);
    expect(pulls).toEqual(['a 0', 'b 0', 'a 45000', 'b 45000']);
    await clock.advance(599_000);
    expect(pulls.slice(4)).toEqual(['a 645000', 'b 645000']);
    await end();
  });

  test('without an interval: at the start and before each boot', async () => {
    const { clock, pulls, prePull, end } = start({ checkIntervalMs: 0 });
    await clock.advance(1_000);
    await prePull.beforeBoot('a', new AbortController().signal);
    await prePull.beforeBoot('other', new AbortController().signal);
    expect(pulls).toEqual(['a 0', 'a 1000']);
    expect([prePull.covers('a'), prePull.covers('other')]).toEqual([true, false]);
    await end();
  });

  test('a newer image is told', async () => {
    const { clock, fresh, end, set } = start({ jitterMs: 0 });
    await clock.advance(0);
    expect(fresh).toEqual([]);
    set({ isNew: true });
    await clock.advance(3_000);
    expect(fresh).toEqual(['a']);
    await end();
  });
});
