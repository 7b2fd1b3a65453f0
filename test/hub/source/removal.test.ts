import { expect, test } from 'bun:test';
import { readdirSync, utimesSync } from 'node:fs';
import { createSourceStore } from '../../../src/hub/source/source-store.ts';
import { processEnvironment } from '../../../src/platform/environment.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { quietLogger } from '../../support/quiet-logger.ts';
import { inPieces, tarOf } from '../../support/tar-of.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const NEVER = new AbortController().signal;
const DAY_MS = 24 * 3_600_000;

test('trees of a day ago that nobody needs go, and what builds were seen as; the rest can be used on', async () => {
  using folder = tempFolder();
  const clock = new FakeClock();
  const { log } = quietLogger();
  const options = { folder: folder.path, publicUrl: () => 'http://x', clock, log, env: processEnvironment() };
  const store = await createSourceStore(options, NEVER);
  const put = async (text: string) => {
    const { treeId } = await store.putTree(inPieces(tarOf({ path: 'file', text }), 1_000), NEVER);
    const revision = await store.commit(treeId, 'main', text, NEVER);
    return { treeId, revision, branch: 'main' };
  };
  const [old, needed, fresh] = [await put('old'), await put('needed'), await put('fresh')];
  const at = (ageMs: number) => new Date(clock.wallMs() - ageMs);
  for (const [{ treeId }, ageMs] of [
    [old, DAY_MS + 1_000],
    [needed, DAY_MS + 1_000],
    [fresh, DAY_MS - 60_000],
  ] as const) {
    utimesSync(`${folder.path}/trees/${treeId}.tar`, at(ageMs), at(ageMs));
  }
  expect(await store.removeOldTrees(async (treeId) => treeId === needed.treeId, NEVER)).toBe(1);
  expect(readdirSync(`${folder.path}/trees`).sort()).toEqual([`${needed.treeId}.tar`, `${fresh.treeId}.tar`].sort());
  expect(await store.hasTree(old.treeId)).toBe(false);
  await store.removeRevisions([old, fresh], NEVER);
  const seen = Bun.spawnSync(['git', 'for-each-ref', '--format=%(refname)'], { cwd: `${folder.path}/repo.git` });
  const refs = seen.stdout.toString().trim().split('\n');
  expect(refs.filter((name) => name.endsWith('/refs/heads/main'))).toHaveLength(1);
  expect(refs.some((name) => name.includes(needed.revision))).toBe(true);
  expect(await store.commit(needed.treeId, 'main', 'again', NEVER)).toMatch(/^[0-9a-f]{40}$/);
  expect((await put('old')).treeId).toBe(old.treeId); // the same tree once more
});
