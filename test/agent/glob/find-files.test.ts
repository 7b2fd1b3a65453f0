import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { matchesTokens } from '../../../src/agent/glob/component.ts';
import { findFiles } from '../../../src/agent/glob/find-files.ts';
import { matchesPattern } from '../../../src/agent/glob/match-path.ts';
import { parsePattern } from '../../../src/agent/glob/pattern.ts';
import { bytesOfName } from '../../../src/lib/raw-name.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const anything = () => {};
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
  return (await findFiles(pattern, folder.path, anything, NEVER)).matches.map(({ path }) =>
    relative(folder.path, path),
  );
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
    expect((await findFiles(`${folder.path}/*.txt`, join(folder.path, 'sub'), anything, NEVER)).matches.length).toBe(6);
    expect((await findFiles('../a.txt', join(folder.path, 'sub'), anything, NEVER)).matches).toHaveLength(1);
  });

  test('characters of the base folder itself mean nothing', async () => {
    const odd = join(folder.path, 'ba[se]{x}');
    mkdirSync(odd);
    writeFileSync(join(odd, 'f'), '');
    expect((await findFiles('*', odd, anything, NEVER)).matches).toHaveLength(1);
    expect((await findFiles(`${odd}/*`, odd, anything, NEVER)).matches).toHaveLength(1);
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

describe('patterns that would keep a careless matcher busy for years', () => {
  test('stars upon stars', () => {
    const [[component] = []] = parsePattern(`${'*a'.repeat(60)}b`);
    if (component?.tag !== 'match') throw new Error('no tokens');
    expect(matchesTokens(component.tokens, 'a'.repeat(255))).toBe(false);
    expect(matchesTokens(component.tokens, `${'a'.repeat(254)}b`)).toBe(true);
  });

  test('any depth upon any depth, in a path and in a deep tree', async () => {
    const deep = join(folder.path, 'deep', ...Array.from({ length: 40 }, () => 'a'));
    mkdirSync(deep, { recursive: true });
    writeFileSync(join(deep, 'x'), '');
    expect(matchesPattern(`/${'**/a/'.repeat(15)}y`, `${deep}/x`)).toBe(false);
    expect(await found(`deep/${'**/'.repeat(200)}x`)).toEqual([relative(folder.path, join(deep, 'x'))]);
    expect(await found(`deep/${'**/a/'.repeat(15)}y`)).toEqual([]);
    expect(await found(`deep/${'**/*/'.repeat(15)}x`)).toEqual([relative(folder.path, join(deep, 'x'))]);
  });
});

test('property: tokens match as the regular expression that they stand for', () => {
  const pattern = fc.string({ maxLength: 8, unit: fc.constantFrom(...'ab*?'.split('')) });
  const name = fc.string({ maxLength: 8, unit: fc.constantFrom('a', 'b', '🎉') });
  fc.assert(
    fc.property(pattern, name, (text, subject) => {
      fc.pre(text !== '' && text !== '**');
      const [[component] = []] = parsePattern(text);
      const expected = new RegExp(`^${text.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'su').test(subject);
      const matches =
        component?.tag === 'match'
          ? matchesTokens(component.tokens, subject)
          : component?.tag === 'name' && component.name === subject;
      expect(matches).toBe(expected);
    }),
    { numRuns: 500 },
  );
});

test('a match that is refused ends the search', async () => {
  let calls = 0;
  const refuse = () => {
    calls += 1;
    throw new Error('outside');
  };
  await expect(findFiles('*', folder.path, refuse, NEVER)).rejects.toThrow('outside');
  expect(calls).toBe(1);
});

test('a name that is not UTF-8 is found under its bytes', async () => {
  const raw = Buffer.concat([Buffer.from(`${folder.path}/raw-`), Buffer.from([0xff, 0xfe])]);
  writeFileSync(raw, '');
  const { matches } = await findFiles('raw-??', folder.path, anything, NEVER);
  expect(matches.map(({ path }) => Buffer.compare(bytesOfName(path), raw))).toEqual([0]);
});
