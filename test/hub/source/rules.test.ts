import { describe, expect, test } from 'bun:test';
import { quotePath } from '../../../src/hub/source/fast-import.ts';
import { checkSourceToken, signSourceToken } from '../../../src/hub/source/source-token.ts';
import { createTreeChecker, isBranchName } from '../../../src/hub/source/work-tree-rules.ts';
import type { TarEntryType } from '../../../src/lib/tar-format.ts';

function check(...entries: readonly (readonly [path: string, type?: TarEntryType])[]): string {
  const checker = createTreeChecker();
  try {
    for (const [path, type = 'file'] of entries) {
      checker({ path, type, executable: false, sizeBytes: 0, linkTarget: '', modifiedS: 0 });
    }
    return 'taken';
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

describe('which trees are taken', () => {
  test.each([
    ['plain', [['a'], ['b/c'], ['b/d']], 'taken'],
    ['the folder itself', [['.', 'folder'], ['b', 'folder'], ['b/c']], 'taken'],
    ['git-like names', [['.gitignore'], ['a/.github/x']], 'taken'],
    ['parent', [['a/../../b']], 'not a plain relative path'],
    ['parent at the end', [['a/..']], 'not a plain relative path'],
    ['absolute', [['/etc/passwd']], 'absolute'],
    ['drive', [['C:/x']], 'absolute'],
    ['empty', [['']], 'empty path'],
    ['double slash', [['a//b']], 'not a plain relative path'],
    ['git data', [['.git/config']], "git's own data"],
    ['git data in other letters', [['sub/.GIT/hooks/x']], "git's own data"],
    ['below a link', [['a', 'symlink'], ['a/b']], 'lies below "a"'],
    ['below a file', [['a'], ['a/b/c']], 'lies below "a"'],
    ['link over a folder', [['a/b'], ['a', 'symlink']], 'both a folder and a file'],
    ['twice', [['a'], ['a']], 'comes twice'],
    [
      'a folder over a link',
      [
        ['a', 'symlink'],
        ['a', 'folder'],
      ],
      'comes twice',
    ],
  ] as const)('%s', (_title, entries, expected) => {
    expect(check(...(entries as unknown as [string, TarEntryType?][]))).toContain(expected);
  });
});

test.each([
  ['main', true],
  ['feature/a-b_c.1', true],
  ['größe', true],
  ['', false],
  ['-x', false],
  ['@', false],
  ['HEAD', false],
  ['a..b', false],
  ['a b', false],
  ['a\nb', false],
  ['a\u0001b', false],
  ['a/.b', false],
  ['a.lock/b', false],
  ['a@{1}', false],
  ['/a', false],
  ['a/', false],
  ['a.', false],
  ['a:b', false],
])('branch name %j: %p', (name, expected) => {
  expect(isBranchName(name)).toBe(expected);
});

test.each([
  ['plain/ä', '"plain/ä"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['a\nb\u0001', '"a\\012b\\001"'],
])('path %j for git fast-import', (path, expected) => {
  expect(quotePath(path)).toBe(expected);
});

describe('source tokens', () => {
  const key = new Uint8Array(32).fill(7);
  const grant = { buildId: '12', treeId: 't', branch: 'b', revision: 'r', expiresAtMs: 1_000 };
  const token = signSourceToken(grant, key);
  const [payload = '', mac = ''] = token.split('.');
  const forged = Buffer.from(JSON.stringify(['13', 't', 'b', 'r', 1_000])).toString('base64url');
  test.each([
    ['fresh', token, 999, 'valid'],
    ['at its end', token, 1_000, 'expired'],
    ['other build', `${forged}.${mac}`, 999, 'wrong'],
    ['cut', token.slice(0, -2), 999, 'wrong'],
    ...[...'ABCDEFGH'].map(
      (end) => ['another end', `${token.slice(0, -1)}${end}`, 999, token.endsWith(end) ? 'valid' : 'wrong'] as const,
    ),
    ['without mac', payload, 999, 'wrong'],
    ['empty', '', 999, 'wrong'],
    ['other key', signSourceToken(grant, new Uint8Array(32).fill(8)), 999, 'wrong'],
  ])('%s', (_title, text, nowMs, kind) => {
    const checked = checkSourceToken(text, key, nowMs);
    expect(checked.kind).toBe(kind as typeof checked.kind);
    if (checked.kind === 'valid') expect(checked.grant).toEqual(grant);
  });
});
