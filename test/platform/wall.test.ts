import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { systemClock } from '../../src/platform/clock.ts';
import { programFeeder } from '../../src/platform/feed-program.ts';
import { notifyUsers, wallText } from '../../src/platform/wall.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';

const feed = programFeeder(systemClock);
const never = new AbortController().signal;

/** A stand-in for wall(1): no terminal of this machine is written to. */
function standIn(folder: string, script: string): string {
  const file = `${folder}/wall`;
  writeFileSync(file, `#!/bin/sh\ncd "${folder}"\n${script}\n`, { mode: 0o755 });
  return file;
}

test('T15 the notice is one line of printable characters, and not long', () => {
  expect(wallText('idle\n\u001b[2Jafter 24h\u202e')).toBe('pwagent ends this machine: idle [2Jafter 24h');
  expect(wallText('x'.repeat(5_000))).toHaveLength(400);
});

test('T19 the reason goes by standard input, never by the command line', async () => {
  using folder = tempFolder();
  const program = standIn(folder.path, 'echo "$#" > arguments; cat > text');
  expect(await notifyUsers('lifetime --help', 10_000, feed, never, program)).toBeNull();
  expect(readFileSync(`${folder.path}/arguments`, 'utf8')).toBe('0\n');
  expect(readFileSync(`${folder.path}/text`, 'utf8')).toBe('pwagent ends this machine: lifetime --help\n');
});

test('what fails is told, and a program that never reads nor ends is killed in time', async () => {
  using folder = tempFolder();
  expect(await notifyUsers('x', 10_000, feed, never, standIn(folder.path, 'exit 3'))).toContain('code 3');
  expect(await notifyUsers('x', 10_000, feed, never, `${folder.path}/none`)).toContain('was not found');
  const clock = new FakeClock();
  const told = notifyUsers('x', 2_000, programFeeder(clock), never, standIn(folder.path, 'sleep 600'));
  for (let turn = 0; turn < 50 && clock.pending === 0; turn += 1) await clock.advance(0);
  await clock.advance(2_000);
  expect(await told).toContain('did not end in time');
});
