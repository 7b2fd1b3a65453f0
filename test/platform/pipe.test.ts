import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { openOutputPipe } from '../../src/platform/pipe.ts';
import { spawn } from '../../src/platform/processes.ts';
import { waitFor } from '../support/wait-for.ts';

async function outputOf(script: string): Promise<{ text: string; code: number | null }> {
  const pipe = openOutputPipe();
  const { writeFd } = pipe;
  const env = { PATH: process.env.PATH ?? '/usr/bin:/bin' };
  const child = await spawn({ argv: ['/bin/sh', '-ec', script], env, stdout: writeFd, stderr: writeFd });
  pipe.closeWriteEnd();
  let text = '';
  await pipe.read(async (chunk) => {
    text += new TextDecoder().decode(chunk);
  });
  await pipe.close();
  return { text, code: (await child.exited).code };
}

test('children can open their own stdout and stderr again', async () => {
  expect(await outputOf('echo x | tee /dev/stderr > /dev/stdout')).toEqual({ text: 'x\nx\n', code: 0 });
});

test('all of a large output arrives', async () => {
  const { text } = await outputOf('head -c 3000000 /dev/zero | tr "\\0" x');
  expect(text.length).toBe(3_000_000);
});

test('closing ends a read although a writer is left', async () => {
  const pipe = openOutputPipe();
  const reading = pipe.read(async () => {});
  await pipe.close();
  await reading;
});

test.if(process.platform === 'linux')('no descriptor is left behind', async () => {
  const count = () => readdirSync('/proc/self/fd').length;
  await outputOf('true');
  const before = count();
  for (let round = 0; round < 10; round += 1) await outputOf('true');
  await waitFor('all but a few are closed', () => count() < before + 5); // some are closed a moment later
});
