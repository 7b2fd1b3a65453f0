import { describe, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Left } from '../../../src/agent/cache/archive/left.ts';
import { packed } from '../../support/cache-archive.ts';
import { cache, cacheFixture, FILL, UPLOAD, uploadOf } from '../../support/cache-task.ts';

const fixture = cacheFixture();
const { work, stored } = fixture;

const deps = { folders: ['deps'], fingerprintKey: 'k', populateScripts: FILL };
const commands = () => [cache('deps', deps), uploadOf('deps')];
const warnings = (log: string) => log.split('\n').filter((line) => line.startsWith('Warning: '));

describe('a store that fails is a miss with one line, and the scripts fill the cache', () => {
  test.each([
    [403, 'the cache store answered 403; the address has expired or was not accepted'],
    [500, 'the cache store answered 500; look into the log of the cache store'],
  ])('GET answers %d', async (status, expected) => {
    await stored('k');
    fixture.caches.fault('GET', ...Array.from({ length: 9 }, () => ({ tag: 'status', status }) as const));
    const { results, log, finished } = await fixture.run(commands());
    expect(results).toEqual({ deps: 'COMPLETED', [UPLOAD]: 'COMPLETED' });
    expect(warnings(log('deps'))).toEqual([expect.stringContaining(`cache k was not restored: ${expected}`)]);
    expect(readFileSync(work('deps/a'), 'utf8')).toBe('one\n');
    expect(log(UPLOAD)).toBe('Not stored: k was stored by another task meanwhile.\n');
    const attempt = finished?.cacheRetrievalAttempts.k;
    expect([attempt?.error.includes(String(status)), attempt?.result.case]).toEqual([true, 'miss']);
  });

  test('GET answers 500 once: asked again', async () => {
    await stored('k');
    fixture.caches.fault('GET', { tag: 'status', status: 500 });
    const { log } = await fixture.run(commands());
    expect(log('deps')).toStartWith('Restored ');
  });

  test.each([403, 500, 507])('PUT answers %d: the step succeeds with a warning', async (status) => {
    fixture.caches.fault('PUT', ...Array.from({ length: 9 }, () => ({ tag: 'status', status }) as const));
    const { results, log } = await fixture.run(commands());
    expect(results[UPLOAD]).toBe('COMPLETED');
    expect(log(UPLOAD)).toMatch(
      new RegExp(`^Warning: the cache was not stored: the cache store answered ${status}[;.]`),
    );
    expect(fixture.caches.entries.size).toBe(0);
  });

  test('the server refuses the calls', async () => {
    for (const call of ['download', 'info', 'upload'])
      fixture.caches.refusals.set(call, { status: 'INTERNAL', times: 99 });
    const { results, log } = await fixture.run(commands());
    expect(results).toEqual({ deps: 'COMPLETED', [UPLOAD]: 'COMPLETED' });
    expect(warnings(log('deps'))).toEqual(['Warning: cache k was not restored: refused by the test (INTERNAL).']);
    expect(log(UPLOAD)).toBe('Warning: the cache was not stored: refused by the test (INTERNAL).\n');
  });
});

describe('a transfer that breaks off', () => {
  const large = ['mkdir -p deps', 'head -c 3000000 /dev/urandom > deps/a'];

  test('goes on where it stopped, as often as it moves', async () => {
    await stored('k', large);
    const cuts = [500_000, 700_000, 400_000, 300_000].map((afterBytes) => ({ tag: 'cut', afterBytes }) as const);
    fixture.caches.fault('GET', ...cuts);
    const { log } = await fixture.run(commands());
    expect(log('deps')).toStartWith('Restored ');
    expect(fixture.caches.calls.filter((call) => call === 'GET')).toHaveLength(5);
  }, 20_000);

  test('at the same place again and again: a miss, and the folder stays as it was', async () => {
    await stored('k', large);
    mkdirSync(work('deps'));
    writeFileSync(work('deps/mine'), '');
    fixture.caches.fault('GET', ...Array.from({ length: 20 }, () => ({ tag: 'cut', afterBytes: 0 }) as const));
    const { results, log } = await fixture.run([cache('deps', { ...deps, populateScripts: [] })]);
    expect(results).toEqual({ deps: 'COMPLETED' });
    expect(warnings(log('deps'))).toEqual([expect.stringContaining('the connection broke')]);
    expect([readdirSync(work('deps')), readdirSync(work('.'))]).toEqual([['mine'], ['deps']]);
  }, 20_000);

  test('while the entry is replaced: not a mixture of two', async () => {
    await stored('k', large);
    fixture.caches.fault('GET', { tag: 'cut', afterBytes: 1_000_000 });
    const first = fixture.caches.bytesOf('k') ?? new Uint8Array();
    const running = fixture.run([cache('deps', { ...deps, populateScripts: [] })]);
    const waiting = async () => {
      while (!fixture.caches.calls.includes('GET')) await Bun.sleep(1);
    };
    await waiting();
    fixture.caches.put(
      'k',
      first.map((byte) => byte ^ 1),
    );
    const { log } = await running;
    expect(warnings(log('deps'))).toEqual([expect.stringContaining('the connection broke after')]);
  }, 20_000);
});

describe('a damaged archive', () => {
  test('is fetched once more, and replaced at the end of the task', async () => {
    await stored('k');
    const good = fixture.caches.bytesOf('k') ?? new Uint8Array();
    fixture.caches.put('k', good.subarray(0, good.length - 10));
    const { results, log } = await fixture.run(commands());
    expect(results).toEqual({ deps: 'COMPLETED', [UPLOAD]: 'COMPLETED' });
    expect(warnings(log('deps'))).toEqual(
      Array.from({ length: 2 }, () => 'Warning: cache k was not restored: the archive is cut off.'),
    );
    expect(log('deps')).toContain('It will be replaced at the end of the task.');
    expect(log(UPLOAD)).toStartWith('Stored ');
    expect(fixture.caches.bytesOf('k')?.length).toBeGreaterThan(good.length - 10);
  });

  test('leaves the checkout alone, also with several folders (C7)', async () => {
    fixture.caches.put('k', Buffer.from('rubbish'));
    mkdirSync(work('a'), { recursive: true });
    writeFileSync(work('checked-out'), '');
    await fixture.run([cache('deps', { folders: ['a', 'b', 'c/*'], fingerprintKey: 'k' })]);
    expect(readdirSync(work('.')).sort()).toEqual(['a', 'checked-out']);
  });
});

describe('files that cannot be read or written', () => {
  test('a folder in the way of a restored one is told', async () => {
    await stored('k');
    writeFileSync(work('file'), '');
    const { results, log } = await fixture.run([cache('deps', { folders: ['file/deps'], fingerprintKey: 'k' })]);
    expect(results).toEqual({ deps: 'COMPLETED' });
    expect(warnings(log('deps'))).toEqual([expect.stringMatching(/cache k was not restored: .*(ENOTDIR|EEXIST)/)]);
  });

  test('an empty path is told with its text', async () => {
    const { results, log } = await fixture.run([cache('deps', { folders: ['$NOWHERE'], fingerprintKey: 'k' })]);
    expect(results).toEqual({ deps: 'FAILED' });
    expect(log('deps')).toBe('the cache folder "$NOWHERE" is an empty path; check the variables in it\n');
  });
});

test('a file that grows while it is read is stored as far as it was promised', async () => {
  mkdirSync(work('grows'), { recursive: true });
  writeFileSync(work('grows/log'), 'x'.repeat(10_000));
  const left = new Left();
  const packing = packed(work('grows'), left);
  writeFileSync(work('grows/log'), 'y'.repeat(50_000));
  expect((await packing).length).toBeGreaterThan(0);
});
