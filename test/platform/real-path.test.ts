import { expect, test } from 'bun:test';
import { chmodSync, mkdirSync, realpathSync, symlinkSync } from 'node:fs';
import fc from 'fast-check';
import { realPathOf } from '../../src/platform/real-path.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { followIn, treeOf } from '../worker/policy/memory-tree.ts';

const LAYOUT = {
  '/in': '',
  '/in/deep': '',
  '/out': '',
  '/in/link': '../out',
  '/in/deep/up': '..',
  '/in/gone': 'none',
  '/in/self': 'self',
};

function layOut(root: string): void {
  for (const [path, link] of Object.entries(LAYOUT)) {
    if (link === '') mkdirSync(root + path);
    else symlinkSync(link, root + path);
  }
  chmodSync(`${root}/in`, 0o755);
}

test.each([
  ['/in', '/in', 0],
  ['//in/./deep/', '/in/deep', 0],
  ['/in/link', '/out', 0],
  ['/in/link/../in', '/in', 0],
  ['/in/deep/up/link', '/out', 0],
  ['/in/new', '/in/new', 1],
  ['/in/link/new/deeper', '/out/new/deeper', 2],
])('%s is %s', async (path, expected, missing) => {
  using folder = tempFolder();
  const root = realpathSync(folder.path);
  layOut(root);
  expect(await realPathOf(root + path)).toEqual({ path: root + expected, missing, foldsCase: expect.any(Boolean) });
});

test.each([
  ['/in/new/../../out', 'ENOENT'],
  ['/in/gone', 'ENOENT'],
  ['/in/gone/below', 'ENOENT'],
  ['/in/self/x', 'ELOOP'],
])('%s cannot be followed', async (path, code) => {
  using folder = tempFolder();
  layOut(folder.path);
  await expect(realPathOf(folder.path + path)).rejects.toMatchObject({ code });
});

test('the kernel follows as the model of the policy tests does', async () => {
  using folder = tempFolder();
  const root = realpathSync(folder.path);
  layOut(root);
  const model = followIn(
    treeOf({ '/r': '', ...Object.fromEntries(Object.entries(LAYOUT).map(([at, link]) => [`/r${at}`, link])) }),
  );
  const part = fc.constantFrom('in', 'deep', 'out', 'link', 'up', 'new', 'gone', '..', '.', '');
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 7 }), async (parts) => {
      const path = parts.join('/');
      fc.pre(!`/${path}/`.includes('/../../')); // stays below the root of the test
      const told = await model(`/r/in/${path}`).then(
        ({ path: real }) => real,
        () => undefined,
      );
      fc.pre(told === undefined || told.startsWith('/r'));
      const found = await realPathOf(`${root}/in/${path}`).then(
        ({ path: real }) => real.replace(root, '/r'),
        () => undefined,
      );
      expect(found).toBe(told);
    }),
    { numRuns: 500 },
  );
});
