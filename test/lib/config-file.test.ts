import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { z } from 'zod';
import { parseConfigFile } from '../../src/lib/config-file.ts';
import { durationType, sizeType } from '../../src/lib/config-types.ts';
import { AppError, describeError } from '../../src/lib/errors.ts';

const SCHEMA = z.strictObject({
  name: z.string().default('nobody'),
  grace: durationType.optional(),
  free: sizeType.optional(),
  labels: z.record(z.string(), z.string()).optional(),
  rpc: z.strictObject({ endpoint: z.string(), retries: z.int().optional() }).optional(),
  hooks: z.array(z.strictObject({ run: z.string() })).optional(),
});

function told(text: string): string {
  try {
    return JSON.stringify(parseConfigFile(text, 'w.yml', SCHEMA));
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe('CONFIG');
    return describeError(error);
  }
}

describe('accepted', () => {
  test.each([
    ['', '{"name":"nobody"}'],
    ['# only words\n', '{"name":"nobody"}'],
    ['---\n', '{"name":"nobody"}'],
    ['name: a', '{"name":"a"}'],
    ['grace: 90s\nfree: 5GiB', '{"name":"nobody","grace":90000,"free":5368709120}'],
    ['grace: 0\nfree: 0', '{"name":"nobody","grace":0,"free":0}'],
    ['labels: { a: b }', '{"name":"nobody","labels":{"a":"b"}}'],
    ['name: &x a\nlabels: { l: *x }', '{"name":"a","labels":{"l":"a"}}'],
    ['name: "no"', '{"name":"no"}'],
    ['name: no', '{"name":"no"}'], // YAML 1.2: a plain no is text
  ])('%j', (text, result) => {
    expect(told(text)).toBe(result);
  });
});

describe('refused, with line and column', () => {
  test.each([
    ['nmae: a', 'w.yml:1:1: unknown key "nmae"; did you mean "name"?'],
    ['rpc:\n  endpoint: x\n  enpoint: y', 'w.yml:3:3: unknown key "rpc.enpoint"; did you mean "endpoint"?'],
    ['zzz: 1', 'w.yml:1:1: unknown key "zzz"; known keys: name, grace, free, labels, rpc, hooks'],
    ['name: a\ngrace: 90', 'w.yml:2:1: grace: expected a duration such as 90s or 10m, never a bare number'],
    ['grace: "90"', 'w.yml:1:1: grace: "90" is not a duration; add a unit, for example "90s" or "90m"'],
    ['free: 5', 'w.yml:1:1: free: expected a size such as 5GiB, never a bare number'],
    ['rpc:\n  retries: 1', 'w.yml:1:1: rpc.endpoint: Invalid input: expected string, received undefined'],
    ['name: [a', 'w.yml:1:9: Flow sequence in block collection must be sufficiently indented and end with a ]'],
    ['name: a\nname: b', 'w.yml:2:1: Map keys must be unique'],
    ['name: a\n---\nname: b', 'w.yml:2:1: a second YAML document; keep one document in the file'],
    ['- a', 'w.yml:1:1: the document: Invalid input: expected object, received array'],
    ['hello', 'w.yml:1:1: the document: Invalid input: expected object, received string'],
    ['name: *x', 'w.yml:1:7: there is no anchor &x before the alias *x'],
    ['hooks:\n  - run: a\n  - rnu: b', 'w.yml:3:5: unknown key "hooks.1.rnu"; did you mean "run"?'],
  ])('%j', (text, message) => {
    expect(told(text)).toContain(message);
  });

  test('all mistakes are told in one go', () => {
    expect(told('nmae: a\ngrace: 5\nlabels: 3').split('\n')).toHaveLength(3);
  });

  test('a bomb of aliases is refused quickly', () => {
    const levels = Array.from({ length: 12 }, (_, n) => `  l${n}: &l${n} [${`*l${n - 1},`.repeat(n === 0 ? 0 : 9)}x]`);
    expect(told(`labels:\n${levels.join('\n')}\n`)).toBe(
      'w.yml: the aliases stand for too much; write the values out instead of repeating aliases of aliases',
    );
  });
});

test('arbitrary documents are taken or refused with our error, never more', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json().map((json) => json),
        fc.object().map((value) => stringify(value)),
      ),
      (text) => {
        told(text);
      },
    ),
    { numRuns: 300 },
  );
});

test('what was written comes back', () => {
  const labels = fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true, maxKeys: 5 });
  fc.assert(
    fc.property(fc.string(), labels, (name, map) => {
      fc.pre(!Object.hasOwn(map, '__proto__'));
      expect(parseConfigFile(stringify({ name, labels: map }), 'w.yml', SCHEMA)).toEqual({ name, labels: map });
    }),
    { numRuns: 200 },
  );
});
