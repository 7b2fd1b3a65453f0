import { expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { tempFolder } from '../support/temp-folder.ts';

const FIXTURE = resolve(import.meta.dir, 'fixtures/log-flood.ts');
const RUNS = 8;

test('killed at any moment, rotations included: every line that was written is there once, whole, in order', async () => {
  using folder = tempFolder();
  const told: number[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const child = Bun.spawn([process.execPath, FIXTURE, `${folder.path}/w.log`, String(run)], { stdout: 'pipe' });
    let last = -1;
    let seen = '';
    for await (const chunk of child.stdout) {
      seen += new TextDecoder().decode(chunk);
      last = Number(seen.trimEnd().split('\n').at(-1));
      if (last >= 100 * (run + 1)) child.kill('SIGKILL');
    }
    await child.exited;
    told.push(last);
  }
  const names = readdirSync(folder.path)
    .filter((name) => name !== 'w.log')
    .sort();
  expect(names.length).toBeGreaterThan(RUNS);
  // one that was killed between setting a full file aside and beginning the next has left none
  const present = [...names, 'w.log'].filter((name) => existsSync(`${folder.path}/${name}`));
  const text = present.map((name) => readFileSync(`${folder.path}/${name}`, 'utf8')).join('');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => /^run (\d+) line (\d+) end$/.exec(line)?.slice(1).map(Number));
  expect(lines).not.toContain(undefined);
  for (let run = 0; run < RUNS; run += 1) {
    const indexes = lines.filter((line) => line?.[0] === run).map((line) => line?.[1]);
    expect(indexes).toEqual(indexes.map((_, index) => index));
    expect(indexes.length).toBeGreaterThan(told[run] ?? 0);
  }
});
