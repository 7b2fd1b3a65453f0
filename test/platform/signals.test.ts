import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { spawn } from '../../src/platform/processes.ts';
import { waitFor } from '../support/wait-for.ts';

test('R7: neither signals nor errors that nobody caught end a process that watches for them', async () => {
  const argv = [process.execPath, join(import.meta.dir, 'fixtures/watched.ts')];
  const child = await spawn({ argv, env: { PATH: process.env.PATH ?? '' }, stdout: 'pipe' });
  let heard = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  await waitFor('both errors', () => heard.includes('panic thrown') && heard.includes('panic rejected'));
  for (const name of ['SIGHUP', 'SIGUSR1', 'SIGINT'] as const) {
    child.signal(name);
    await waitFor(name, () => heard.includes(name));
  }
  child.signal('SIGTERM');
  expect((await child.exited).code).toBe(7);
});
