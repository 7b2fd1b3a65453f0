import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { findMatches } from '../../../src/agent/glob/find-files.ts';
import { parsePattern } from '../../../src/agent/glob/pattern.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const NEVER = new AbortController().signal;
const folder = tempFolder();
afterAll(() => folder[Symbol.dispose]());

const FILES = [
  'a.txt',
  'b.txt',
  '.hidden.txt',
  'sub/c.txt',
  'sub/deep/d.txt',
  'sub/deep/e.log',
  'x[1].txt',
  'we ird.txt',
  'äö.txt',
];

beforeAll(() => {
  for (const file of FILES) {
    mkdirSync(dirname(join(folder.path, file)), { recursive: true });
    writeFileSync(join(folder.path, file), '');
  }
  symlinkSync('sub', join(folder.path, 'link'));
  symlinkSync('..', join(folder.path, 'sub/deep/back'));
  symlinkSync('nowhere', join(folder.path, 'dangling'));
});

async function found(pattern: string): Promise<string[]> {
  return (await findMatches(pattern, folder.path, NEVER)).map(({ path }) => relative(folder.path, path));
}

describe('patterns (specification of the agent, 7.8)', () => {
  test.each<[string, string[]]>([
    ['a.txt', ['a.txt']],
    ['./a.txt', ['a.txt']],
    ['nothing', []],
    ['dangling', []],
    ['*.txt', ['.hidden.txt', 'a.txt', 'b.txt', 'we ird.txt', 'x[1].txt', 'äö.txt']],
    ['?.txt', ['a.txt', 'b.txt']],
    ['??.txt', ['äö.txt']],
    ['[ab].txt', ['a.txt', 'b.txt']],
    ['[a-a].txt', ['a.txt']],
    ['[^a].txt', ['b.txt']],
    ['[!a].txt', ['a.txt']], // no negation with !: a class of two characters
    ['x\\[1\\].txt', ['x[1].txt']],
    ['x[[]1].txt', ['x[1].txt']],
    ['{a,b}.txt', ['a.txt', 'b.txt']],
    ['{b,a}.txt', ['b.txt', 'a.txt']],
    ['{sub/{c,deep/d},a}.txt', ['sub/c.txt', 'sub/deep/d.txt', 'a.txt']],
    ['sub/*', ['sub/c.txt', 'sub/deep']],
    ['link/c.txt', ['link/c.txt']],
    ['sub/**/*.log', ['sub/deep/e.log']],
    ['sub/**/c.txt', ['sub/c.txt']],
    ['sub/deep/**', ['sub/deep', 'sub/deep/back', 'sub/deep/back/c.txt', 'sub/deep/d.txt', 'sub/deep/e.log']],
    ['su**/c.txt', ['sub/c.txt']],
    ['**.txt', ['.hidden.txt', 'a.txt', 'b.txt', 'we ird.txt', 'x[1].txt', 'äö.txt']],
    ['{a,a}.txt', ['a.txt']],
  ])('%s', async (pattern, expected) => {
    expect(await found(pattern)).toEqual(expected);
  });

  test('an absolute pattern is searched from the root, and may leave the base', async () => {
    expect(await found(join(folder.path, 'sub/c.txt'))).toEqual(['sub/c.txt']);
    expect((await findMatches(`${folder.path}/*.txt`, join(folder.path, 'sub'), NEVER)).length).toBe(6);
    expect(await findMatches('../a.txt', join(folder.path, 'sub'), NEVER)).toHaveLength(1);
  });

  test('characters of the base folder itself mean nothing', async () => {
    const odd = join(folder.path, 'ba[se]{x}');
    mkdirSync(odd);
    writeFileSync(join(odd, 'f'), '');
    expect(await findMatches('*', odd, NEVER)).toHaveLength(1);
    expect(await findMatches(`${odd}/*`, odd, NEVER)).toHaveLength(1);
  });

  test.each([
    ['[a', 'opens a bracket'],
    ['{a,b', 'opens a brace'],
    ['{a,{b}', 'opens a brace'],
    ['[z-a]', 'means nothing'],
    [`${'{a,b}'.repeat(12)}`, 'alternatives'],
    ['x'.repeat(5000), 'longer'],
  ])('refuses %s', (pattern, what) => {
    expect(() => parsePattern(pattern)).toThrow(what);
  });

  test('a name with every special character escaped matches itself and nothing else', () => {
    const name = fc.string({ minLength: 1, maxLength: 20, unit: fc.constantFrom(...'ab*?[]{},^-\\!$.+()|'.split('')) });
    fc.assert(
      fc.property(name, (text) => {
        fc.pre(text !== '.');
        const escaped = text.replaceAll(/[\\*?[\]{},]/g, '\\$&');
        expect(parsePattern(escaped)).toEqual([[{ tag: 'name', name: text }]]);
      }),
    );
  });
});
