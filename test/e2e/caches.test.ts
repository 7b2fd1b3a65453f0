import { afterEach, beforeEach, expect, test } from 'bun:test';
import { Cluster } from './cluster.ts';

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

/** The cache holds more than one part of an upload, links, modes and a hole; the script shows what it finds. */
const CONFIGURATION = `persistent_worker: {}
build_task:
  deps_cache:
    folder: deps
    fingerprint_script: cat lock
    populate_script:
      - mkdir -p deps/private
      - head -c 20000000 /dev/urandom > deps/large
      - echo installed > deps/private/tool
      - chmod 751 deps/private/tool
      - ln -s private/tool deps/link
      - truncate -s 50000000 deps/hole
  show_script:
    - test "$(cat deps/link)" = installed
    - stat -c "%a %s" deps/private/tool deps/hole
    - test "$(du -k deps/hole | cut -f1)" -lt 1000
  http_script:
    - curl -sf -T lock http://$CIRRUS_HTTP_CACHE_HOST/a/key -o /dev/null
    - test "$(curl -sf http://$CIRRUS_HTTP_CACHE_HOST/a/key)" = "$(cat lock)"
    - curl -sI http://$CIRRUS_HTTP_CACHE_HOST/none | head -n 1
`;

test('a cache is stored in the hub by one task and restored by the next; build tools have theirs', async () => {
  await cluster.startHub();
  cluster.startWorker();
  const tree = cluster.workTree(CONFIGURATION, { lock: 'version 1' });
  const first = await cluster.submit(tree);
  expect([first.code, first.stdout]).toEqual([0, expect.stringContaining('Cache miss for deps-')]);
  expect(first.stdout).toMatch(/Stored 19 MiB as deps-[0-9a-f]{64} in /);
  const second = await cluster.submit(tree);
  expect([second.code, second.stdout]).toEqual([0, expect.stringMatching(/Restored 19 MiB of deps-[0-9a-f]{64} in /)]);
  expect(second.stdout).toContain('751 10');
  expect(second.stdout).toContain('404');
  expect(second.stdout).toContain('is in the store already');
}, 300_000);
