import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { cache, cacheFixture, FILL, UPLOAD, uploadOf } from '../../support/cache-task.ts';
import { script } from '../../support/fake-agent-server.ts';

const fixture = cacheFixture();
const { work, freshWork, stored } = fixture;
const run = (...commands: Parameters<typeof fixture.run>[0]) => fixture.run(commands);

describe('a cache with a fixed key', () => {
  const deps = { folders: ['deps'], fingerprintKey: 'key-1', populateScripts: FILL };

  test('is filled and stored by the first task, and restored by the second', async () => {
    const first = await run(cache('deps', deps), uploadOf('deps'));
    expect(first.results).toEqual({ deps: 'COMPLETED', [UPLOAD]: 'COMPLETED' });
    expect(first.log('deps')).toContain('Cache miss for key-1.');
    expect(first.log(UPLOAD)).toMatch(/^Stored \d+ B as key-1 in /);
    const miss = first.finished?.cacheRetrievalAttempts['key-1']?.result;
    if (miss?.case !== 'miss') throw new Error('no miss was reported');
    expect(miss.value.sizeBytes).toBe(BigInt(fixture.caches.bytesOf('key-1')?.length ?? 0));
    expect(miss.value.populatedInNanos * miss.value.archivedInNanos * miss.value.uploadedInNanos).toBeGreaterThan(0n);
    freshWork();
    const second = await run(cache('deps', deps), script('s', ['cat deps/a']), uploadOf('deps'));
    expect(second.log('deps')).toMatch(/^Restored \d+ B of key-1 in /);
    expect(second.log('s')).toContain('one');
    expect(second.log(UPLOAD)).toBe('Not stored: key-1 is in the store already.\n');
    const hit = second.finished?.cacheRetrievalAttempts['key-1']?.result;
    expect([hit?.case, hit?.value?.sizeBytes]).toEqual(['hit', BigInt(fixture.caches.bytesOf('key-1')?.length ?? 0)]);
    expect(readdirSync(work('.'))).toEqual(['deps']); // nothing of the exchange is left
    expect(fixture.caches.uploadHeaders[0]?.['x-signed']).toBe('yes');
  });

  test('a script that fails to fill it fails the step, and there is nothing to store', async () => {
    const { results, log } = await run(cache('deps', { ...deps, populateScripts: ['exit 3'] }), {
      ...uploadOf('deps'),
      executionBehaviour: 2,
    });
    expect(results).toEqual({ deps: 'FAILED 3', [UPLOAD]: 'FAILED' });
    expect(log(UPLOAD)).toContain('there is no cache "deps" to store');
  });

  test('a restored folder takes the place of what was there; stale files go (C12)', async () => {
    await stored('key-1');
    mkdirSync(work('deps/old'), { recursive: true });
    symlinkSync('/etc', work('deps/a'));
    await run(cache('deps', deps));
    expect([readdirSync(work('deps')), readFileSync(work('deps/a'), 'utf8')]).toEqual([['a'], 'one\n']);
  });

  test('read-only folders, as Go makes them, are stored, restored and replaced', async () => {
    const fill = ['mkdir -p deps/mod', 'echo x > deps/mod/f', 'chmod 444 deps/mod/f', 'chmod 555 deps/mod deps'];
    await run(cache('deps', { ...deps, populateScripts: fill }), uploadOf('deps'));
    const result = await run(cache('deps', deps), script('s', ['stat -c %a deps deps/mod']));
    expect([result.results.deps, result.log('s')]).toEqual(['COMPLETED', expect.stringContaining('555\n555\n')]);
    chmodSync(work('deps'), 0o700);
    chmodSync(work('deps/mod'), 0o700);
  });
});

describe('keys (specification of the agent, 13.5)', () => {
  const keysAfter = async (...commands: Parameters<typeof fixture.run>[0]) => {
    await run(...commands);
    return [...fixture.caches.entries.keys()];
  };

  test('a fingerprint is the hash of the echoed script and its output', async () => {
    const fill = { folders: ['deps'], populateScripts: FILL };
    const keys = await keysAfter(cache('deps', { ...fill, fingerprintScripts: ['echo X'] }), uploadOf('deps'));
    const hash = createHash('sha256').update('echo X\nX\n').digest('hex');
    expect(keys).toEqual([`deps-${hash}`]);
  });

  test('what it prints to stderr counts too', async () => {
    const fill = { folders: ['deps'], populateScripts: FILL, fingerprintScripts: ['echo X >&2'] };
    const hash = createHash('sha256').update('echo X >&2\nX\n').digest('hex');
    expect(await keysAfter(cache('deps', fill), uploadOf('deps'))).toEqual([`deps-${hash}`]);
  });

  test('without one, it is the name of the task and the index of its node', async () => {
    const commands = [cache('deps', { folders: ['deps'], populateScripts: FILL }), uploadOf('deps')];
    await fixture.run(commands, {
      environment: { CIRRUS_TASK_NAME: 'Lint', CI_NODE_INDEX: '3' },
    });
    expect([...fixture.caches.entries.keys()]).toEqual([`deps-${createHash('sha256').update('Lint3').digest('hex')}`]);
  });

  test('a fingerprint that fails fails the step', async () => {
    const { results } = await run(cache('deps', { folders: ['deps'], fingerprintScripts: ['cat nowhere'] }));
    expect(results).toEqual({ deps: 'FAILED 1' });
  });

  test.each(['a?b#c%d', 'with/slash', 'ünïcode 🎉', '..', ' '])('%j is stored and found (C25)', async (key) => {
    await stored(key);
    const { log } = await run(cache('deps', { folders: ['deps'], fingerprintKey: key }));
    expect(log('deps')).toStartWith('Restored ');
  });
});

describe('an older entry instead of none', () => {
  const optimistic = (text: string) => ({
    folders: ['deps'],
    fingerprintScripts: [`echo ${text}`],
    optimisticallyRestoreOnMiss: true,
    populateScripts: ['mkdir -p deps', `echo ${text} > deps/a`],
  });

  test('is the newest (C9), and the new key is stored at the end even if nothing has changed (C8)', async () => {
    for (const text of ['v1', 'v2']) {
      await run(cache('deps', { ...optimistic(text), optimisticallyRestoreOnMiss: false }), uploadOf('deps'));
      freshWork();
    }
    const [, newest] = [...fixture.caches.entries.keys()];
    const { log } = await run(cache('deps', optimistic('v3')), script('s', ['cat deps/a']), uploadOf('deps'));
    expect(log('deps')).toContain(`the newest older one is taken: ${newest}`);
    expect(log('s')).toContain('v2');
    expect(log(UPLOAD)).toStartWith('Stored ');
    expect(fixture.caches.entries.size).toBe(3);
    freshWork();
    const again = await run(cache('deps', optimistic('v3')), uploadOf('deps'));
    expect(again.log('deps')).not.toContain('older');
    expect(again.log(UPLOAD)).toContain('in the store already');
  });

  test('none there: the cache is filled', async () => {
    const { log } = await run(cache('deps', optimistic('v1')));
    expect(log('deps')).toContain('Cache miss for deps-');
    expect(existsSync(work('deps/a'))).toBe(true);
  });
});

describe('stored again when something has changed', () => {
  const deps = { folders: ['deps'], fingerprintKey: 'k', reuploadOnChanges: true, populateScripts: FILL };
  const files = ['mkdir -p deps/sub', 'echo one > deps/a', 'echo two > deps/b', 'ln -s a deps/l', 'chmod 644 deps/a'];

  const uploadAfter = async (...lines: string[]) => {
    await stored('k', files);
    const { log } = await run(cache('deps', deps), script('change', lines), uploadOf('deps'));
    return log(UPLOAD);
  };

  test.each([
    ['nothing', ['cat deps/a'], 'Not stored: nothing has changed.\n'],
    ['only its time', ['touch deps/a'], 'Not stored: nothing has changed.\n'],
    ['the same content written anew', ['rm deps/a; echo one > deps/a'], 'Not stored: nothing has changed.\n'],
    ['a name (C10)', ['mv deps/a deps/c'], 'created deps/c'],
    ['a mode (C10)', ['chmod 755 deps/a'], 'modified deps/a'],
    ['a link (C10)', ['ln -sfn b deps/l'], 'modified deps/l'],
    ['an empty folder (C10)', ['mkdir deps/new'], 'created deps/new'],
    ['a file more', ['touch deps/new'], 'created deps/new'],
    ['a file less', ['rm deps/b'], 'deleted deps/b'],
    ['the content', ['echo ONE > deps/a'], 'modified deps/a'],
    ['the content behind an old time', ['echo ONE > deps/a; touch -r deps/b deps/a'], 'modified deps/a'],
  ])('%s', async (_what, lines, expected) => {
    const log = await uploadAfter(...lines);
    expect(log).toContain(expected);
    expect(log.includes('Stored ')).toBe(!expected.startsWith('Not stored'));
  });

  test('all gone: nothing is stored', async () => {
    expect(await uploadAfter('rm -rf deps')).toBe('Not stored: its folders are missing or empty.\n');
  });
});

test('upload without a cache of that name fails (7.7)', async () => {
  const { results, log } = await run(uploadOf('deps'));
  expect(results).toEqual({ [UPLOAD]: 'FAILED' });
  expect(log(UPLOAD)).toContain(
    'there is no cache "deps" to store; a cache instruction of this name must have run before',
  );
});

test('somebody else has stored the key meanwhile (7.7)', async () => {
  await stored('k');
  const bytes = fixture.caches.bytesOf('k') ?? new Uint8Array();
  fixture.caches.entries.delete('k');
  const late = script('late', ['true']);
  const put = cache('deps', { folders: ['deps'], fingerprintKey: 'k', populateScripts: FILL });
  fixture.caches.fault('HEAD');
  const restored = await run(put, late);
  expect(restored.log('deps')).toContain('Cache miss');
  fixture.caches.fault('GET', { tag: 'status', status: 404 });
  fixture.caches.put('k', bytes);
  const { log } = await run(put, uploadOf('deps'));
  expect(log(UPLOAD)).toBe('Not stored: k was stored by another task meanwhile.\n');
});
