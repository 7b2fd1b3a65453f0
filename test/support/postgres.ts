import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SQL } from 'bun';
import { freePort } from '../../src/platform/free-port.ts';

const DEBIAN_FOLDER = '/usr/lib/postgresql';

/** The server refuses to run as root. */
const NOBODY = 65_534;

/** The folder of `initdb` and `postgres`: the newest that Debian's packages left, or the one in PATH. */
function binFolder(): string | undefined {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER).map(Number) : [];
  const newest = versions.filter(Number.isFinite).sort((left, right) => right - left)[0];
  const own = newest === undefined ? undefined : join(DEBIAN_FOLDER, String(newest), 'bin');
  if (own !== undefined && existsSync(join(own, 'initdb'))) return own;
  const [initdb, postgres] = [Bun.which('initdb'), Bun.which('postgres')];
  return initdb !== null && postgres !== null ? join(initdb, '..') : undefined;
}

/** Why no PostgreSQL can be started here, or undefined when one can. */
export function postgresGap(): string | undefined {
  if (process.env.PWAGENT_TEST_UNIT === '1') return 'unit tests alone use the embedded store';
  return binFolder() === undefined ? 'PostgreSQL is not installed (Debian: apt-get install postgresql)' : undefined;
}

/** A server of our own, in a temporary folder, on a loopback port, with a random password. */
export interface TestPostgres {
  /** The address of a new and empty database. */
  create(): Promise<string>;
  /** Ends the server as a power cut would, and waits until it has gone; what was committed stays. */
  crash(): Promise<void>;
  /** Starts it again after `crash`, on the same port, and waits until it answers. */
  start(): Promise<void>;
  /** Ends the server by its id, at once, and removes its folder. */
  stop(): Promise<void>;
}

function ids(): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
}

/** `durable` keeps fsync, for tests that end it by force. */
export async function startPostgres({ durable = false } = {}): Promise<TestPostgres> {
  const bin = binFolder();
  if (bin === undefined) throw new Error('PostgreSQL is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'pwagent-pg-'));
  const password = randomBytes(16).toString('hex');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (process.getuid?.() === 0) for (const path of [folder, passwordFile]) chownSync(path, NOBODY, NOBODY);
  const data = join(folder, 'data');
  const initdb = Bun.spawnSync(
    [
      join(bin, 'initdb'),
      ...['-D', data, '-U', 'pwagent', '-E', 'UTF8', '--no-locale', '--no-sync'],
      ...['--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    ],
    { cwd: folder, ...ids(), env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  if (!initdb.success) throw new Error(`initdb: ${initdb.stderr.toString()}`);
  const port = await freePort(0);
  const address = (database: string) => `postgres://pwagent:${password}@127.0.0.1:${port}/${database}`;
  let server: Bun.Subprocess | undefined;
  let databases = 0;

  const query = async (text: string) => {
    const sql = new SQL(address('postgres'), { max: 1 });
    try {
      await sql.unsafe(text);
    } finally {
      await sql.close();
    }
  };
  const start = async () => {
    const settings = ['listen_addresses=127.0.0.1', `fsync=${durable ? 'on' : 'off'}`, 'max_connections=100'];
    server = Bun.spawn(
      [
        join(bin, 'postgres'),
        ...['-D', data, '-k', folder, '-p', String(port)],
        ...settings.flatMap((text) => ['-c', text]),
      ],
      { cwd: folder, ...ids(), env: { PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'ignore', 'ignore'] },
    );
    for (const endMs = performance.now() + 20_000; ; await Bun.sleep(20)) {
      try {
        return await query('SELECT 1');
      } catch (error) {
        if (server.exitCode !== null || performance.now() > endMs) throw error;
      }
    }
  };
  const crash = async () => {
    server?.kill('SIGQUIT'); // immediate: no clean-up, recovery at the next start
    await server?.exited;
  };
  await start();
  return {
    async create() {
      databases += 1;
      await query(`CREATE DATABASE d${databases}`);
      return address(`d${databases}`);
    },
    start,
    crash,
    async stop() {
      await crash();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
