import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, runCacheTask, uploadOf } from '../../support/cache-task.ts';
import { script } from '../../support/fake-agent-server.ts';
import { FakeCacheServer } from '../../support/fake-cache-server.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let folder: ReturnType<typeof tempFolder>;
let caches: FakeCacheServer;

beforeEach(() => {
  folder = tempFolder();
  caches = new FakeCacheServer();
});
afterEach(async () => {
  await caches[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const work = (path: string) => join(folder.path, 'work', path);

function freshWork(): void {
  rmSync(work('.'), { recursive: true, force: true });
  mkdirSync(work('.'));
}

describe('a cache with a fixed key', () => {
  const deps = { folders: ['deps'], fingerprintKey: 'key-1', populateScripts: ['mkdir -p deps', 'echo one > deps/a'] };

  test('is filled and stored by the first task, and restored by the second', async () => {
    const first = await runCacheTask(folder.path, caches, [cache('deps', deps), uploadOf('deps')]);
    expect(first.results).toEqual({ deps: 'COMPLETED', "Upload 'deps' cache": 'COMPLETED' });
    expect(first.log('deps')).toContain('Cache miss for key-1.');
    expect(first.log("Upload 'deps' cache")).toMatch(/^Stored \d+ B as key-1 in /);
    expect(first.finished?.cacheRetrievalAttempts['key-1']?.result.case).toBe('miss');
    freshWork();
    const second = await runCacheTask(folder.path, caches, [
      cache('deps', deps),
      script('s', ['cat deps/a']),
      uploadOf('deps'),
    ]);
    expect(second.log('deps')).toMatch(/^Restored \d+ B of key-1 in /);
    expect(second.log('s')).toContain('one');
    expect(second.log("Upload 'deps' cache")).toBe('Not stored: key-1 is in the store already.\n');
    expect(second.finished?.cacheRetrievalAttempts['key-1']?.result.case).toBe('hit');
    expect(readdirSync(work('.'))).toEqual(['deps']);
  });
});
