import { describe, expect, test } from 'bun:test';
import { basename, relative, resolve } from 'node:path';

const ROOT = resolve(import.meta.dir, '../..');
const sources = [...new Bun.Glob('src/**/*.{ts,tsx}').scanSync({ cwd: ROOT })].filter(
  (path) => !path.includes('/gen/'),
);
const tests = [...new Bun.Glob('{test,bench}/**/*.ts').scanSync({ cwd: ROOT })];
const MAX_LINES = 250;
const MAX_EXPORTS = 8;

describe('a file has one subject', () => {
  test.each(sources)('%s', async (path) => {
    const source = await Bun.file(resolve(ROOT, path)).text();
    expect(basename(path)).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*\.tsx?$/);
    expect(source.split('\n').length).toBeLessThanOrEqual(MAX_LINES + 1);
    const values = source.match(/^export (?:async )?(?:function|const|class)\b/gm) ?? [];
    expect(values.length).toBeLessThanOrEqual(MAX_EXPORTS);
    expect(source).not.toMatch(/^let /m); // state at module level makes order of import into order of life
  });

  test('the mean file stays short', async () => {
    const counts = await Promise.all(
      sources.map(async (path) => (await Bun.file(resolve(ROOT, path)).text()).split('\n').length),
    );
    expect(counts.reduce((sum, count) => sum + count, 0) / counts.length).toBeLessThan(120);
  });
});

test('no test is switched off or made the only one', async () => {
  const marked = await Promise.all(
    tests.map(async (path) =>
      /\b(?:test|describe|it)\.(?:only|todo|skip)\b/.test(await Bun.file(resolve(ROOT, path)).text())
        ? [relative(ROOT, path)]
        : [],
    ),
  );
  expect(marked.flat().filter((path) => !path.endsWith('house/style.test.ts'))).toEqual([]);
});
