import { expect, test } from 'bun:test';
import { statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { AppError } from '../../src/lib/errors.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { openControlSocket } from '../../src/supervisor/control-socket.ts';
import { askSupervisor } from '../../src/supervisor/status-client.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';

const signal = new AbortController().signal;
const answer = { pid: 77, exitCode: 0, status: { phase: 'serving' } };
const open = (path: string) => openControlSocket(path, { status: () => answer }, systemClock, signal);

/** Sends text, returns all that comes back. */
function talk(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = connect({ path });
    socket.on('error', reject);
    socket.on('data', (data) => {
      got += String(data);
    });
    socket.on('close', () => resolve(got));
    socket.on('connect', () => socket.write(text));
  });
}

test('one line in, one line out; the folder is made, everybody may ask', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/run/s.sock`;
  const socket = await open(path);
  expect(JSON.parse(await talk(path, '{"request":"status"}\n'))).toEqual(answer);
  expect(JSON.parse(await talk(path, '{"request":"constructor"}\n'))).toEqual({ error: 'unknown request' });
  expect(JSON.parse(await talk(path, 'status\n')).error).toContain('not a JSON object');
  expect([statSync(path).mode & 0o777, statSync(`${folder.path}/run`).mode & 0o777]).toEqual([0o666, 0o755]);
  socket.close();
  expect((await askSupervisor(path, systemClock, signal)).tag).toBe('absent');
});

test('a socket that its owner left behind is replaced', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/s.sock`;
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  Bun.spawnSync([process.execPath, '-e', script]);
  expect(statSync(path).isSocket()).toBe(true);
  const socket = await open(path);
  expect((await askSupervisor(path, systemClock, signal)).tag).toBe('answer');
  socket.close();
});

test('a live supervisor stays, and is named', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/s.sock`;
  const first = await open(path);
  const error = await open(path).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(AppError);
  expect([(error as AppError).exitCode, (error as AppError).message]).toEqual([
    69,
    `a supervisor with pid 77 runs already behind ${path}`,
  ]);
  expect((await askSupervisor(path, systemClock, signal)).tag).toBe('answer');
  first.close();
});

test('a file that is no socket is not touched', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/precious`;
  writeFileSync(path, 'text');
  const error = await open(path).catch((reason: unknown) => reason);
  expect((error as AppError).exitCode).toBe(78);
  expect(await Bun.file(path).text()).toBe('text');
});

test('somebody who does not answer costs one second', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/s.sock`;
  const server = createServer(() => {}).listen(path);
  await settle();
  const clock = new FakeClock();
  const asked = askSupervisor(path, clock, signal);
  await clock.advance(1_000);
  expect(await asked).toEqual({ tag: 'silent' });
  server.close();
});

test('who connects and says nothing is cut off', async () => {
  using folder = tempFolder();
  const path = `${folder.path}/s.sock`;
  const clock = new FakeClock();
  const socket = await openControlSocket(path, {}, clock, signal);
  const got = talk(path, '');
  while (clock.pending === 0) await settle();
  await clock.advance(5_000);
  expect(await got).toBe('');
  socket.close();
});
