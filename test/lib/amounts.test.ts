import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { addAmounts, amountsFit, subtractAmounts } from '../../src/lib/amounts.ts';

test.each([
  [{}, {}, {}],
  [{ cpu: 1 }, {}, { cpu: 1 }],
  [{ cpu: 0.1 }, { cpu: 0.2 }, { cpu: 0.3 }],
  [{ cpu: 1 }, { 'tart-vms': 2 }, { cpu: 1, 'tart-vms': 2 }],
])('%j + %j = %j', (left, right, sum) => {
  expect(addAmounts(left, right)).toEqual(sum);
});

test('ten times a tenth is one, taken away one by one', () => {
  let free: Readonly<Record<string, number>> = { cpu: 1 };
  for (let round = 0; round < 10; round += 1) free = subtractAmounts(free, { cpu: 0.1 });
  expect(free).toEqual({ cpu: 0 });
});

describe('what fits', () => {
  test.each([
    [{}, {}, true],
    [{ cpu: 1 }, { cpu: 1 }, true],
    [{ cpu: 1.000_001 }, { cpu: 1 }, false],
    [{ cpu: 1.000_000_1 }, { cpu: 1 }, true],
    [{ cpu: 1 }, {}, false],
    [{ cpu: 0 }, {}, true],
    [{ cpu: 1, gpu: 2 }, { cpu: 4, gpu: 1 }, false],
    [{ cpu: 1 }, { cpu: 4, gpu: 1 }, true],
  ])('%j into %j: %p', (wanted, free, fits) => {
    expect(amountsFit(wanted, free)).toBe(fits);
  });
});

test('arguments are left as they were', () => {
  const [left, right] = [Object.freeze({ cpu: 1 }), Object.freeze({ cpu: 2 })];
  addAmounts(left, right);
  subtractAmounts(left, right);
  expect([left, right]).toEqual([{ cpu: 1 }, { cpu: 2 }]);
});

const amount = fc.integer({ min: 0, max: 10 ** 9 }).map((units) => units / 1_000_000);
const amounts = fc.dictionary(fc.constantFrom('cpu', 'gpu', 'memory', 'tart-vms'), amount, { noNullPrototype: true });

test('adding and taking away again changes nothing', () => {
  fc.assert(
    fc.property(amounts, amounts, (start, change) => {
      const back = subtractAmounts(addAmounts(start, change), change);
      for (const [name, value] of Object.entries(back)) expect(value).toBe(start[name] ?? 0);
    }),
  );
});

test('what fits can be taken away without going below zero, and the other way round', () => {
  fc.assert(
    fc.property(amounts, amounts, (wanted, free) => {
      const left = subtractAmounts(free, wanted);
      expect(amountsFit(wanted, free)).toBe(Object.values(left).every((value) => value >= 0));
    }),
  );
});

test('the order of taking does not matter', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([0.1, 0.2, 0.3, 0.7, 1.1, 2.5], { minLength: 6 }), (parts) => {
      const sum = parts.reduce<Readonly<Record<string, number>>>((total, cpu) => addAmounts(total, { cpu }), {});
      expect(sum).toEqual({ cpu: 4.9 });
    }),
  );
});
