import { describe, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { relative } from 'node:path';
import { type HubDeps, type RunningHub, startHub } from '../../src/hub/start-hub.ts';
import { AppError } from '../../src/lib/errors.ts';
import { createLogger } from '../../src/lib/log.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { ScriptedWorker } from './scripted-worker.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };

function deps(lines: string[] = []): HubDeps {
  const log = createLogger({ level: 'info', format: 'text', colour: false, write: (line) => lines.push(line) });
  return { clock: systemClock, random: () => 0.5, log, env: { PATH: process.env.PATH ?? '' } };
}

const start = (dataFolder: string, lines?: string[], over: object = {}) =>
  startHub({ listen: ANY_PORT, grpc: ANY_PORT, dataFolder, ...over }, deps(lines), AbortSignal.timeout(20_000));

async function serving<T>(starting: Promise<RunningHub>, use: (hub: RunningHub) => Promise<T>): Promise<T> {
  const hub = await starting;
  try {
    return await use(hub);
  } finally {
    await hub.stop(AbortSignal.timeout(1_000));
  }
}

const tokens = (path: string) =>
  ['registration-token', 'admin-token'].map((name) => readFileSync(`${path}/${name}`, 'utf8').trim());

async function refusalOf(starting: Promise<RunningHub>): Promise<AppError> {
  try {
    await (await starting).stop(AbortSignal.abort());
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('it started');
}

describe('the first start', () => {
  test('makes a closed folder with two tokens that work', async () => {
    using folder = tempFolder();
    const path = `${folder.path}/deep/data`;
    await serving(start(path), async (hub) => {
      expect(statSync(path).mode & 0o777).toBe(0o700);
      for (const name of ['registration-token', 'admin-token']) {
        expect(statSync(`${path}/${name}`).mode & 0o777).toBe(0o600);
      }
      const [registration = '', admin = ''] = tokens(path);
      const client = connect(parseEndpoint(`http://127.0.0.1:${hub.grpcPort}`), []);
      const worker = new ScriptedWorker(client, 'mac-1');
      await worker.register(registration);
      client.close();
      const url = `http://127.0.0.1:${hub.httpPort}/api/v1/workers`;
      const response = await fetch(url, { headers: { authorization: `Bearer ${admin}` } });
      expect(await response.json()).toMatchObject({ workers: [{ name: 'mac-1', pool: 'default', online: true }] });
      expect(readFileSync(`${path}/hub.db`).includes(admin)).toBe(false);
    });
  });

  test('a folder may be given relative to where the hub is started', async () => {
    using folder = tempFolder();
    const path = relative(process.cwd(), `${folder.path}/data`);
    await serving(start(path), async (hub) => {
      expect(hub.tokens.adminToken).toBe(`${folder.path}/data/admin-token`);
      expect(statSync(`${folder.path}/data/source/repo.git`).isDirectory()).toBe(true);
    });
  });

  test('a second start keeps what is there', async () => {
    using folder = tempFolder();
    await serving(start(folder.path), async () => {});
    const before = tokens(folder.path);
    const lines: string[] = [];
    await serving(start(folder.path, lines), async () => {});
    expect(tokens(folder.path)).toEqual(before);
    expect(lines.filter((line) => line.includes('token'))).toEqual([]);
  });

  test('a token that was lost or is of no use is replaced, and the log says so', async () => {
    using folder = tempFolder();
    await serving(start(folder.path), async () => {});
    const [registration, admin] = tokens(folder.path);
    rmSync(`${folder.path}/registration-token`);
    writeFileSync(`${folder.path}/admin-token`, 'of another hub\n');
    const lines: string[] = [];
    await serving(start(folder.path, lines), async () => {});
    const after = tokens(folder.path);
    expect(after).not.toContain(registration);
    expect(after).not.toContain(admin);
    expect(lines.join('')).toContain('token file was missing: a new token was issued, older ones stay valid');
    expect(lines.join('')).toContain('token file held no token of this hub');
  });
});

describe('refused with one sentence and a remedy', () => {
  test('a folder that cannot be made', async () => {
    using folder = tempFolder();
    writeFileSync(`${folder.path}/file`, '');
    const error = await refusalOf(start(`${folder.path}/file/data`));
    expect(error).toMatchObject({ code: 'CONFIG', exitCode: 78, hint: expect.stringContaining('--data') });
  });

  test('a shared folder that is not ours to close', async () => {
    using folder = tempFolder();
    mkdirSync(`${folder.path}/shared`);
    writeFileSync(`${folder.path}/shared/something`, '');
    chmodSync(`${folder.path}/shared`, 0o755);
    const error = await refusalOf(start(`${folder.path}/shared`));
    expect(error.message).toContain('is open to other users');
    expect(readdirSync(`${folder.path}/shared`)).toEqual(['something']);
    expect(statSync(`${folder.path}/shared`).mode & 0o777).toBe(0o755);
  });

  test('a folder that another hub serves from', async () => {
    using folder = tempFolder();
    await serving(start(folder.path), async () => {
      const error = await refusalOf(start(folder.path));
      expect(error).toMatchObject({
        code: 'CONFIG',
        message: expect.stringContaining(`in use by another hub (process ${process.pid} on `),
      });
    });
    await serving(start(folder.path), async () => {}); // and it is free again afterwards
  });

  test.each(['listen', 'grpc'])('a port of --%s that is taken', async (which) => {
    using folder = tempFolder();
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    try {
      const error = await refusalOf(start(folder.path, [], { [which]: { host: '127.0.0.1', port } }));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', exitCode: 69, hint: expect.stringContaining(`--${which}`) });
    } finally {
      other.close();
    }
    await serving(start(folder.path), async () => {}); // nothing is left half-made
  });
});

test('stopping answers held polls at once and ends calls that do not end by themselves', async () => {
  using folder = tempFolder();
  const hub = await start(folder.path);
  const client = connect(parseEndpoint(`http://127.0.0.1:${hub.grpcPort}`), []);
  const worker = new ScriptedWorker(client, 'mac-1');
  await worker.register(tokens(folder.path)[0]);
  const poll = worker.poll().then(
    (answer) => answer.tasksToStart.length,
    () => -1,
  );
  const probe = new ScriptedWorker(client, 'mac-2');
  await probe.register(tokens(folder.path)[0]); // the poll before it has reached the hub
  await hub.stop(AbortSignal.timeout(4_000));
  expect(await poll).toBe(0);
  client.close();
});
