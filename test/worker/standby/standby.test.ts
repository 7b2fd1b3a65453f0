import { describe, expect, test } from 'bun:test';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { Placement } from '../../../src/isolation/placement.ts';
import {
  type Isolation,
  IsolationSchema,
  type StandbyInstanceParameters,
  StandbyInstanceParametersSchema,
} from '../../../src/rpc/gen/cirrus_ci_service_pb.ts';
import type { ResourceModifier } from '../../../src/worker/configuration/options.ts';
import { ModifierPool } from '../../../src/worker/standby/modifier-pool.ts';
import { Standby } from '../../../src/worker/standby/standby.ts';
import { MAX_AGE_MS } from '../../../src/worker/standby/standby-rules.ts';
import { noTelemetry } from '../../../src/worker/telemetry/telemetry.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { memoryLogger } from '../../support/logger.ts';
import { MemoryEngine, untilAborted } from '../../support/memory-engine.ts';

const tart = (image: string) => create(IsolationSchema, { type: { case: 'tart', value: { image } } });
const vetu = (image: string) => create(IsolationSchema, { type: { case: 'vetu', value: { image } } });

type Init = MessageInitShape<typeof StandbyInstanceParametersSchema>;

function parameters(init: Init = {}): StandbyInstanceParameters {
  return create(StandbyInstanceParametersSchema, { isolation: tart('base'), resources: { vms: 1 }, ...init });
}

function start(first: StandbyInstanceParameters | undefined = parameters(), modifiers: ResourceModifier[] = []) {
  const engine = new MemoryEngine();
  const clock = new FakeClock();
  const log = memoryLogger();
  const room = { free: { vms: 2 } as Record<string, number>, runningTasks: 0 };
  const counted: string[] = [];
  const pool = new ModifierPool(modifiers);
  const deps = {
    engines: { tart: engine, vetu: engine },
    async place(isolation: Isolation | undefined): Promise<Placement> {
      const type = isolation?.type;
      if (type?.case !== 'tart' && type?.case !== 'vetu') throw new Error('forbidden');
      if (type.value.image === 'forbidden') throw new Error('the image is forbidden');
      if (type.case === 'vetu') return { kind: 'vetu', parameters: type.value };
      return { kind: 'tart', parameters: type.value, mounts: [], softnet: false, softnetAllow: [] };
    },
    room: () => room,
    modifiers: pool,
    prePull: undefined,
    telemetry: {
      ...noTelemetry,
      standbyHit: ({ image }: Record<string, unknown>) => void counted.push(`hit ${image}`),
      standbyMissed: ({ image }: Record<string, unknown>) => void counted.push(`miss ${image}`),
    },
    onChange: () => {},
    clock,
    random: () => 0.5,
    log,
  };
  const standby = new Standby(first, deps);
  const ready = async () => {
    standby.consider();
    await settle();
  };
  return { engine, clock, log, room, counted, standby, ready, pool };
}

describe('a standby', () => {
  test('boots when there is room, is advertised with its age, and serves the task that it fits', async () => {
    const { engine, clock, standby, ready, counted } = start();
    expect(standby.advertised).toEqual([]);
    await ready();
    await clock.advance(7_900);
    expect(standby.advertised).toMatchObject([{ parameters: { resources: { vms: 1 } }, ageSeconds: 7n }]);
    expect(engine.machines[0]?.options).toEqual({ identity: 'standby', runArguments: [], pull: true });
    standby.announce([tart('base')]);
    expect(standby.take(tart('base'))).toBeDefined();
    expect(standby.advertised).toEqual([]);
    expect(counted).toEqual(['hit base']);
    await settle();
    expect(engine.machines[0]?.closed).toBe(0); // the task's from now on
  });

  test('W37: the next one is made while tasks run, as soon as resources allow', async () => {
    const { engine, room, standby, ready } = start();
    await ready();
    room.free = { vms: 0 };
    standby.announce([tart('base')]);
    standby.take(tart('base'));
    await ready();
    expect(engine.machines).toHaveLength(1);
    room.free = { vms: 1 };
    await ready();
    expect(engine.machines).toHaveLength(2);
  });

  test('W37: all tasks of an answer are looked at before it makes way', async () => {
    const { engine, room, standby, ready, counted } = start();
    await ready();
    room.free = { vms: 0 };
    standby.announce([tart('other'), tart('base')]);
    expect(standby.take(tart('other'))).toBeUndefined();
    await settle();
    expect(standby.take(tart('base'))).toBeDefined();
    expect(engine.machines[0]?.closed).toBe(0);
    expect(counted).toEqual(['miss base', 'hit base']);
  });

  test('a task that it does not fit leaves it alone while both have room, and ends it where they have not', async () => {
    const { engine, room, standby, ready, counted } = start();
    await ready();
    room.free = { vms: 1 };
    standby.announce([tart('other')]);
    await settle();
    expect(engine.machines[0]?.closed).toBe(0);
    room.free = { vms: 0 };
    standby.announce([undefined]);
    await settle();
    expect(engine.machines[0]?.closed).toBe(1);
    expect(counted).toEqual(['miss base', 'miss base']);
  });

  test('a promise to a task that was cancelled on its way does not keep it for ever', async () => {
    const { engine, room, clock, standby, ready } = start();
    await ready();
    room.free = { vms: 0 };
    standby.announce([tart('base')]);
    await clock.advance(9_000);
    expect(engine.machines[0]?.closed).toBe(0);
    await clock.advance(2_000);
    expect(engine.machines[0]?.closed).toBe(1);
  });
});

describe('a standby that cannot be made', () => {
  test('W1 W2: is tried again with growing pauses, and nothing waits for it', async () => {
    const { engine, clock, log, standby, ready } = start();
    let attempts = 0;
    engine.booting = async () => {
      attempts += 1;
      throw new Error('no disk');
    };
    await ready();
    expect(standby.take(tart('base'))).toBeUndefined();
    await clock.advance(22_000);
    expect(attempts).toBe(1);
    await clock.advance(1_000);
    expect(attempts).toBe(2);
    await clock.advance(46_000);
    expect(attempts).toBe(3);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
    engine.booting = async () => {};
    await clock.advance(15 * 60_000);
    expect(standby.advertised).toHaveLength(1);
  });

  test("W1: one that the worker's own policy forbids is told with the reason", async () => {
    const { engine, log, ready } = start(parameters({ isolation: tart('forbidden') }));
    await ready();
    expect(engine.machines).toEqual([]);
    expect(JSON.stringify(log.lines)).toContain('the image is forbidden');
  });

  test('a boot that a task overtakes is given up, and nothing of it stays', async () => {
    const { engine, room, standby, ready } = start();
    engine.booting = untilAborted;
    await ready();
    room.free = { vms: 0 };
    standby.announce([tart('other')]);
    await settle();
    expect(engine.running).toBe(0);
    engine.booting = async () => {};
    room.free = { vms: 2 };
    await ready();
    expect(standby.advertised).toHaveLength(1);
  });

  test('a machine that comes up after its boot was given up is closed', async () => {
    const { engine, room, standby, ready } = start();
    const up = Promise.withResolvers<void>();
    engine.booting = () => up.promise;
    await ready();
    room.free = { vms: 0 };
    standby.announce([undefined]);
    up.resolve();
    await settle();
    expect(engine.machines[0]?.closed).toBe(1);
    expect(standby.advertised).toEqual([]);
  });

  test('a kind that this worker cannot run is told once, and there is none', async () => {
    const log = memoryLogger();
    const { standby } = start(undefined);
    standby.update(parameters({ isolation: create(IsolationSchema, { type: { case: 'none', value: {} } }) }));
    expect(standby.advertised).toEqual([]);
    expect(log.lines).toEqual([]);
  });
});

describe('warm-up', () => {
  const warmup = { script: 'prepare', timeoutSeconds: 60n };

  test.each([
    ['Tart', tart('base')],
    ['41: Vetu', vetu('base')],
  ])('%s: the script has run before it is advertised', async (_name, isolation) => {
    const { engine, standby, ready } = start(parameters({ isolation, warmup }));
    await ready();
    expect(engine.machines[0]?.warmUps).toEqual(['prepare']);
    expect(standby.advertised).toHaveLength(1);
  });

  test('a script that fails fails the standby, and its machine goes', async () => {
    const { engine, standby, ready, log } = start(parameters({ warmup }));
    engine.warming = async () => {
      throw new Error('exit code 3');
    };
    await ready();
    expect(engine.machines[0]?.closed).toBe(1);
    expect(standby.advertised).toEqual([]);
    expect(JSON.stringify(log.lines)).toContain('the warm-up failed: exit code 3');
  });

  test('W41: one that takes too long is told, and the machine is used', async () => {
    const { engine, clock, standby, ready, log } = start(parameters({ warmup }));
    engine.warming = untilAborted;
    await ready();
    await clock.advance(59_000);
    expect(standby.advertised).toEqual([]);
    await clock.advance(1_000);
    expect(standby.advertised).toHaveLength(1);
    expect(JSON.stringify(log.lines)).toContain('longer than its limit');
  });
});

describe('a standby that waits', () => {
  test('W38: one that dies is replaced', async () => {
    const { engine, standby, ready } = start();
    await ready();
    engine.machines[0]?.die();
    await settle();
    expect(engine.machines).toHaveLength(2);
    expect(engine.machines[0]?.closed).toBe(1);
    expect(standby.advertised).toHaveLength(1);
  });

  test('W38: one that died with its task on the way is not handed over', async () => {
    const { engine, standby, ready } = start();
    await ready();
    standby.announce([tart('base')]);
    engine.machines[0]?.die();
    expect(standby.take(tart('base'))).toBeUndefined();
    await settle();
    expect(engine.machines[0]?.closed).toBe(1);
  });

  test('W38: one that is old, or of an old image, is replaced', async () => {
    const { engine, clock, standby, ready } = start();
    await ready();
    await clock.advance(MAX_AGE_MS);
    expect(engine.machines).toHaveLength(2);
    standby.imageChanged('other');
    await settle();
    expect(engine.machines).toHaveLength(2);
    standby.imageChanged('base');
    await settle();
    expect(engine.machines).toHaveLength(3);
    expect(engine.running).toBe(1);
  });

  test('never two machines at a time, also when closing takes long', async () => {
    const { engine, standby, ready } = start();
    await ready();
    const closed = Promise.withResolvers<void>();
    if (engine.machines[0] !== undefined) engine.machines[0].closing = closed.promise;
    standby.imageChanged('base');
    await settle();
    expect(engine.machines).toHaveLength(1);
    closed.resolve();
    await settle();
    expect(engine.machines).toHaveLength(2);
    expect(engine.mostAtOnce).toBe(1);
  });

  test('at the end of the worker nothing of it stays', async () => {
    const { engine, clock, standby, ready } = start();
    await ready();
    await standby.stop();
    expect(engine.machines[0]?.closed).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe("the server's parameters", () => {
  test('the same ones change nothing, others replace it', async () => {
    const { engine, standby, ready } = start();
    await ready();
    standby.update(
      parameters({
        isolation: create(IsolationSchema, { type: { case: 'tart', value: { image: 'base', user: 'admin' } } }),
      }),
    );
    await settle();
    expect(engine.machines).toHaveLength(1);
    standby.update(parameters({ isolation: vetu('new') }));
    await settle();
    expect(engine.machines.map(({ placement, closed }) => [placement.kind, closed])).toEqual([
      ['tart', 1],
      ['vetu', 0],
    ]);
  });

  test('W36: nonsense is told, and the present one stays', async () => {
    const { engine, log, standby, ready } = start();
    await ready();
    standby.update(create(StandbyInstanceParametersSchema, {}));
    await settle();
    expect(engine.machines[0]?.closed).toBe(0);
    expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  test('W35: what is advertised is what was asked for, whatever the engine does with it', async () => {
    const asked = parameters({
      isolation: create(IsolationSchema, {
        type: { case: 'tart', value: { image: 'base', volumes: [{ source: '/a' }] } },
      }),
    });
    const { standby, ready } = start(asked);
    await ready();
    expect(standby.advertised[0]?.parameters).toEqual(asked);
  });
});

describe('42: modifiers of a standby', () => {
  const gpu = [{ match: { gpu: 1 }, append: { run: ['--gpu'] } }];

  test('a standby that has no room takes none', async () => {
    const { engine, ready, pool } = start(parameters({ isolation: vetu('base'), resources: { gpu: 1 } }), gpu);
    await ready();
    expect(engine.machines).toEqual([]);
    expect(pool.take({ gpu: 1 })).toMatchObject({ runArguments: ['--gpu'] });
  });

  test('a boot that fails gives it back', async () => {
    const { engine, room, ready, pool, clock } = start(
      parameters({ isolation: vetu('base'), resources: { gpu: 1 } }),
      gpu,
    );
    room.free = { gpu: 1 };
    engine.booting = async () => {
      throw new Error('no');
    };
    await ready();
    const lease = pool.take({ gpu: 1 });
    expect(lease).toMatchObject({ runArguments: ['--gpu'] });
    if (typeof lease !== 'string') lease.release();
    engine.booting = async () => {};
    await clock.advance(60_000);
    expect(engine.machines[0]?.options.runArguments).toEqual(['--gpu']);
    expect(pool.take({ gpu: 1 })).toContain('in use');
  });

  test('Tart takes none', async () => {
    const { engine, room, ready } = start(parameters({ resources: { gpu: 1 } }), gpu);
    room.free = { gpu: 1 };
    await ready();
    expect(engine.machines[0]?.options.runArguments).toEqual([]);
  });
});

test('whatever happens in whatever order: at most one machine, and none that nobody owns', async () => {
  const action = fc.oneof(
    fc.constantFrom('hit', 'miss', 'die', 'fail', 'heal', 'old image', 'update', 'time'),
    fc.constantFrom('full', 'half', 'free'),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
      const { engine, room, clock, standby, ready } = start();
      let own = 0;
      await ready();
      for (const [index, what] of actions.entries()) {
        if (what === 'full' || what === 'half' || what === 'free')
          room.free = { vms: { full: 0, half: 0.5, free: 1 }[what] };
        if (what === 'hit' || what === 'miss') {
          const isolation = tart(what === 'hit' ? 'base' : 'other');
          standby.announce([isolation]);
          if (standby.take(isolation) !== undefined) own += 1;
        }
        if (what === 'die') engine.machines.at(-1)?.die();
        if (what === 'fail') engine.booting = () => Promise.reject(new Error('no'));
        if (what === 'heal') engine.booting = async () => {};
        if (what === 'old image') standby.imageChanged('base');
        if (what === 'update')
          standby.update(parameters({ isolation: tart('base'), resources: { vms: 1 / (1 + (index % 2)) } }));
        if (what === 'time') await clock.advance(20 * 60_000);
        standby.consider();
        await settle();
        expect(engine.running - own).toBeLessThanOrEqual(1);
        expect(standby.advertised.length).toBe(engine.running - own);
      }
      await standby.stop();
      expect(engine.running).toBe(own);
      expect(clock.pending).toBe(0);
    }),
    { numRuns: 60 },
  );
});
