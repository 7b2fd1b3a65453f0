import { describe, expect, test } from 'bun:test';
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { type LogFileTrouble, openLogFile } from '../../src/platform/log-file.ts';
import { testNeeding } from '../support/requirement.ts';
import { tempFolder } from '../support/temp-folder.ts';

const START_MS = Date.UTC(2026, 0, 2, 15, 4, 5);
const FIXTURE = resolve(import.meta.dir, 'fixtures/log-writer.ts');

function setUp(path: string, limits: { rotateSizeBytes?: number; maxRotations?: number } = {}) {
  const told: [LogFileTrouble, string][] = [];
  const clock = { nowMs: START_MS };
  const onTrouble = (kind: LogFileTrouble, sentence: string) => void told.push([kind, sentence]);
  const file = openLogFile(path, { ...limits, wallMs: () => clock.nowMs, onTrouble });
  return { ...file, told, clock };
}

/** Names and contents of a folder, oldest first and the present file last. */
function contents(folder: string): [string, string][] {
  const names = readdirSync(folder).sort(
    (left, right) => Number(left === 'w.log') - Number(right === 'w.log') || (left < right ? -1 : 1),
  );
  return names.map((name) => [name, readFileSync(`${folder}/${name}`, 'utf8')]);
}

test('W46: without a size the file grows; it is private, and its folder is made', () => {
  using folder = tempFolder();
  const path = `${folder.path}/deep/w.log`;
  const { write } = setUp(path);
  for (let index = 0; index < 100; index += 1) write(`${'x'.repeat(100)}\n`);
  expect(readdirSync(`${folder.path}/deep`)).toEqual(['w.log']);
  expect([statSync(path).size, statSync(path).mode & 0o777]).toEqual([10_100, 0o600]);
});

test('a full file is set aside under its date, and the newest so many stay', () => {
  using folder = tempFolder();
  const { write, clock } = setUp(`${folder.path}/w.log`, { rotateSizeBytes: 10, maxRotations: 2 });
  writeFileSync(`${folder.path}/w-other.log`, 'not ours');
  for (const line of ['aaaa\n', 'bbbb\n', 'cccc\n', 'dddddddddddd\n', 'e\n', 'ffffffffff\n']) {
    write(line);
    clock.nowMs += 1_000;
  }
  expect(contents(folder.path)).toEqual([
    ['w-2026-01-02T15-04-09.000.log', 'dddddddddddd\n'],
    ['w-2026-01-02T15-04-10.000.log', 'e\n'],
    ['w-other.log', 'not ours'],
    ['w.log', 'ffffffffff\n'],
  ]);
});

test('W46: exactly full is not too full; within one millisecond names stay apart; 0 keeps all', () => {
  using folder = tempFolder();
  const { write } = setUp(`${folder.path}/w.log`, { rotateSizeBytes: 10, maxRotations: 0 });
  for (const line of ['aaaa\n', 'bbbb\n', 'c\n', 'ddddddddd\n', 'e\n']) write(line);
  expect(contents(folder.path)).toEqual([
    ['w-2026-01-02T15-04-05.000.log', 'aaaa\nbbbb\n'],
    ['w-2026-01-02T15-04-05.001.log', 'c\n'],
    ['w-2026-01-02T15-04-05.002.log', 'ddddddddd\n'],
    ['w.log', 'e\n'],
  ]);
});

test('a file without extension', () => {
  using folder = tempFolder();
  const { write } = setUp(`${folder.path}/worker`, { rotateSizeBytes: 3 });
  write('a\n');
  write('b\n');
  expect(readdirSync(folder.path).sort()).toEqual(['worker', 'worker-2026-01-02T15-04-05.000']);
});

test('goes on where an earlier process stopped, also within a line', () => {
  using folder = tempFolder();
  writeFileSync(`${folder.path}/w.log`, 'whole\nhal');
  setUp(`${folder.path}/w.log`).write('next\n');
  expect(readFileSync(`${folder.path}/w.log`, 'utf8')).toBe('whole\nhal\nnext\n');
});

test('fewer rotations than before: the oldest go at the start', () => {
  using folder = tempFolder();
  for (const second of ['05', '06', '07']) writeFileSync(`${folder.path}/w-2026-01-02T15-04-${second}.000.log`, 'x');
  setUp(`${folder.path}/w.log`, { maxRotations: 1 });
  expect(readdirSync(folder.path).sort()).toEqual(['w-2026-01-02T15-04-07.000.log', 'w.log']);
});

test('reopens what another program has set aside; a file that is deleted is made anew', () => {
  using folder = tempFolder();
  const path = `${folder.path}/w.log`;
  const { write, reopen } = setUp(path);
  write('a\n');
  renameSync(path, `${path}.1`);
  write('b\n');
  reopen();
  write('c\n');
  expect([readFileSync(`${path}.1`, 'utf8'), readFileSync(path, 'utf8')]).toEqual(['a\nb\n', 'c\n']);
  rmSync(path);
  write('d\n');
  expect(readFileSync(path, 'utf8')).toBe('d\n');
});

test('two processes with one file: no line is lost or split', () => {
  using folder = tempFolder();
  const limits = { rotateSizeBytes: 50, maxRotations: 0 };
  const [one, two] = [setUp(`${folder.path}/w.log`, limits), setUp(`${folder.path}/w.log`, limits)];
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index}\n`);
  lines.forEach((line, index) => void (index % 3 === 0 ? one : two).write(line));
  const found = contents(folder.path).flatMap(([, text]) => text.match(/.*\n/g) ?? []);
  expect(found.sort()).toEqual(lines.sort());
});

test('whatever is written, whatever the size: every line once, whole, in order, in files of the size or of one line', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(30), { maxLength: 40 }),
      fc.integer({ min: 1, max: 60 }),
      (lengths, rotateSizeBytes) => {
        using folder = tempFolder();
        const lines = lengths.map((length, index) => `${index}${'ü'.repeat(length)}\n`);
        const { write } = setUp(`${folder.path}/w.log`, { rotateSizeBytes });
        for (const line of lines) write(line);
        const files = contents(folder.path).map(([, text]) => text);
        expect(files.join('')).toBe(lines.join(''));
        for (const text of files)
          expect(Buffer.byteLength(text) <= rotateSizeBytes || text.match(/\n/g)?.length === 1).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
});

describe('disks that are full', () => {
  testNeeding('a device that is always full', process.platform === 'linux' ? undefined : '/dev/full is of Linux')(
    'lines are lost, told once, and the caller goes on',
    () => {
      const { write, told } = setUp('/dev/full');
      write('a\n');
      write('b\n');
      expect(told).toEqual([['lost', 'log file /dev/full cannot be written (ENOSPC); lines are lost until it can']]);
    },
  );

  test('no half line stays, and the end of the trouble is told with a count', () => {
    using folder = tempFolder();
    const path = `${folder.path}/w.log`;
    // 1 KiB is the most that the child may write into a file; then the limit is lifted as far as the test goes
    const script = `ulimit -S -f 1; trap '' XFSZ; exec "${process.execPath}" "${FIXTURE}" "${path}"`;
    const { stdout, stderr } = Bun.spawnSync(['/bin/bash', '-c', script]);
    expect(stderr.toString()).toBe('');
    const text = readFileSync(path, 'utf8');
    expect(text).toMatch(/^(?:line \d{4}\n)+$/);
    expect(text.length).toBeGreaterThan(1_000);
    expect(stdout.toString()).toBe(
      `lost: log file ${path} cannot be written (EFBIG); lines are lost until it can\nsize: 1020\nrecovered: log file ${path} can be written again; lines that were lost: ${200 - 102}\n`,
    );
  });
});

test('a file that cannot be set aside, here since its name would be too long, grows on, and that is told once', () => {
  using folder = tempFolder();
  const path = `${folder.path}/${'w'.repeat(240)}.log`;
  const { write, told } = setUp(path, { rotateSizeBytes: 3 });
  for (const line of ['a\n', 'b\n', 'c\n']) write(line);
  expect(readFileSync(path, 'utf8')).toBe('a\nb\nc\n');
  expect(told.map(([kind]) => kind)).toEqual(['not-rotated']);
});

test('a folder that goes away loses lines, and comes back', () => {
  using folder = tempFolder();
  const { write, told } = setUp(`${folder.path}/logs/w.log`);
  rmSync(`${folder.path}/logs`, { recursive: true });
  writeFileSync(`${folder.path}/logs`, 'in the way');
  write('a\n');
  rmSync(`${folder.path}/logs`);
  write('b\n');
  appendFileSync(`${folder.path}/logs/w.log`, '');
  expect(readFileSync(`${folder.path}/logs/w.log`, 'utf8')).toBe('b\n');
  expect(told.map(([kind]) => kind)).toEqual(['lost', 'recovered']);
});

test('a file that cannot be opened at the start is a mistake of the configuration', () => {
  expect(() => openLogFile('/proc/none/w.log')).toThrow('log file /proc/none/w.log cannot be written');
});
