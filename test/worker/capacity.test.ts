import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import type { Amounts } from '../../src/lib/amounts.ts';
import { Capacity, type Lease, MAX_TASKS } from '../../src/worker/capacity.ts';

function granted(capacity: Capacity, wanted: Amounts): Lease {
  const lease = capacity.take(wanted);
  if (typeof lease === 'string') throw new Error(lease);
  return lease;
}

describe('resources', () => {
  test('ten times 0.1 fits into 1 exactly, and an eleventh does not', () => {
    const capacity = new Capacity({ cpu: 1 });
    const leases = Array.from({ length: 10 }, () => granted(capacity, { cpu: 0.1 }));
    expect([capacity.inUse, capacity.free]).toEqual([{ cpu: 1 }, { cpu: 0 }]);
    expect(capacity.take({ cpu: 0.1 })).toContain('0.1 of "cpu" with 0 free');
    for (const lease of leases) lease.release();
    expect([capacity.inUse, capacity.free]).toEqual([{}, { cpu: 1 }]);
  });

  test('W15: what a task asks beyond what is free is refused, with what lacks', () => {
    const capacity = new Capacity({ cpu: 2, gpu: 1 });
    granted(capacity, { cpu: 1.5 });
    expect(capacity.take({ cpu: 1, gpu: 1 })).toBe(
      'this worker has not enough resources: the task needs 1 of "cpu" with 0.5 free',
    );
    expect(capacity.take({ vms: 1 })).toContain('1 of "vms" with 0 free');
    expect(capacity.take({ gpu: 1 })).toBeObject();
  });

  test('a worker that declares nothing grants anything, up to the bound on tasks', () => {
    const capacity = new Capacity({});
    const leases = Array.from({ length: MAX_TASKS }, () => granted(capacity, { cpu: 64 }));
    expect(capacity.take({})).toContain(`${MAX_TASKS} tasks already`);
    leases[0]?.release();
    leases[0]?.release();
    expect(capacity.take({})).toBeObject();
    expect(capacity.take({})).toContain('tasks already');
  });

  test('whatever is taken and given back, in use and free make the total, and nothing drifts', () => {
    const amount = fc.integer({ min: 0, max: 30 }).map((tenths) => tenths / 10);
    const step = fc.oneof(
      fc.record({ take: fc.dictionary(fc.constantFrom('a', 'b'), amount) }),
      fc.record({ back: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const total = { a: 2.3, b: 1.1 };
        const capacity = new Capacity(total);
        const leases: Lease[] = [];
        for (const { take, back } of steps as { take?: Amounts; back?: number }[]) {
          const lease = take === undefined ? undefined : capacity.take(take);
          if (typeof lease === 'object') leases.push(lease);
          if (back !== undefined && leases.length > 0) leases.splice(back % leases.length, 1)[0]?.release();
          for (const name of ['a', 'b'] as const) {
            const [used, free] = [capacity.inUse[name] ?? 0, capacity.free[name] ?? Number.NaN];
            expect(free).toBeGreaterThanOrEqual(0);
            expect(Math.round((used + free) * 1e6)).toBe(Math.round(total[name] * 1e6));
          }
        }
        for (const lease of leases) lease.release();
        expect([capacity.inUse, capacity.free]).toEqual([{}, total]);
      }),
      { numRuns: 200 },
    );
  });
});
