import { expect, test } from 'bun:test';
import { parseMemory } from '../../src/lib/memory-size.ts';

/** Specification of the worker, section 9.1. */
test.each([
  ['12', 12_288],
  ['99', 101_376],
  ['100', 100],
  ['16384', 16_384],
  ['4g', 4_096],
  ['4GB', 4_096],
  ['4Gi', 4_096],
  ['512m', 512],
  ['512Mb', 512],
  ['50mi', 50],
  ['0', 0],
  ['4294967295', 4_294_967_295],
  ['4294967296', undefined],
  ['4194304g', undefined],
  ['4t', undefined],
  ['1.5g', undefined],
  ['-1', undefined],
  ['', undefined],
  ['g', undefined],
])('%s is %p MiB', (text, mebibytes) => {
  expect(parseMemory(text)).toBe(mebibytes);
});
