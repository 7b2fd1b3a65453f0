import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { AppError } from '../../src/lib/errors.ts';
import { checkDarwinExecutable } from '../../src/platform/mach-o.ts';
import { machOFile } from '../support/mach-o-file.ts';

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

test('a whole executable is accepted and described', () => {
  expect(checkDarwinExecutable(machOFile())).toEqual({ arch: 'arm64', minos: '13.2', identifier: 'a.out', pages: 4 });
});

test('a program that ends with a page boundary is accepted', () => {
  expect(checkDarwinExecutable(machOFile({ codeBytes: 2 * 4096 })).pages).toBe(2);
});

const whole = machOFile();

describe('what macOS would kill is refused, with the reason', () => {
  test.each([
    ['an empty file', new Uint8Array(0), 'the file is no 64-bit Mach-O'],
    ['a Linux executable', new TextEncoder().encode(`\x7fELF${' '.repeat(64)}`), 'the file is no 64-bit Mach-O'],
    ['another processor', machOFile({ cpu: 0x01000007 }), 'it is not made for arm64'],
    ['a library', machOFile({ fileType: 6 }), 'it is a library or an object file'],
    ['another system', machOFile({ platform: 2 }), 'it is made for another Apple system'],
    ['no signature', machOFile({ unsigned: true }), 'it has no code signature'],
    ['SHA-1 pages', machOFile({ hashType: 1 }), 'its pages are not hashed with SHA-256'],
    ['a tail that nobody hashed', machOFile({ codeLimit: 8192 }), 'its signature does not cover the whole program'],
    ['one bit of the first page', flipped(whole, 300), 'page 0 of 4 differs from its signature'],
    ['one bit of the last page', flipped(whole, 3 * 4096 + 99), 'page 3 of 4 differs from its signature'],
    ['one bit of a stored hash', flipped(whole, whole.length - 33), 'page 2 of 4 differs from its signature'],
    ['the end of the signature missing', whole.subarray(0, whole.length - 1), 'its code signature is cut off'],
    ['all of the signature missing', whole.subarray(0, 3 * 4096 + 100), 'its code signature is cut off'],
    ['a garbled signature', flipped(whole, 3 * 4096 + 100), 'its code signature is garbled'],
    ['a garbled directory', flipped(whole, 3 * 4096 + 120), 'its code directory is garbled'],
    ['cut in its head', whole.subarray(0, 60), 'its load commands are cut off'],
    ['a signature outside its segments', flipped(whole, 32 + 49), 'its code signature lies outside its segments'],
  ])('%s', (_name, bytes, reason) => {
    expect(() => checkDarwinExecutable(bytes)).toThrow(`not a macOS executable that would start: ${reason}`);
  });
});

test('whatever single bit of the program or its hashes changes, the file is refused', () => {
  fc.assert(
    fc.property(fc.integer({ min: 32 + 72 + 24 + 16, max: 3 * 4096 + 99 }), (at) => {
      expect(() => checkDarwinExecutable(flipped(whole, at))).toThrow('differs from its signature');
    }),
    { numRuns: 50 },
  );
});

test('arbitrary damage gives our error, never a crash of the reader', () => {
  const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(damage, fc.nat(whole.length), (changes, length) => {
      const copy = Uint8Array.from(whole);
      for (const [at, value] of changes) copy[at] = value;
      try {
        checkDarwinExecutable(copy.subarray(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }),
    { numRuns: 1_000 },
  );
});

test('headers full of random numbers give our error too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 200 }), (noise) => {
      const copy = Uint8Array.from(whole);
      copy.set(noise, 16);
      copy.set(noise, 3 * 4096 + 104);
      try {
        checkDarwinExecutable(copy);
      } catch (error) {
        expect(error).toBeInstanceOf(AppError);
      }
    }),
    { numRuns: 1_000 },
  );
});
