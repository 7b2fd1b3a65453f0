import { expect, setDefaultTimeout, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { AppError } from '../../src/lib/errors.ts';
import type { Fetch } from '../../src/platform/bounded-request.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { defaultWorkerName } from '../../src/platform/host.ts';
import type { Marker } from '../../src/supervisor/arming.ts';
import { layGround } from '../../src/supervisor/groundwork.ts';
import { readSetUp } from '../../src/supervisor/set-up.ts';
import { FakeMetadata } from '../support/fake-metadata.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { recordingLog } from './recording-log.ts';

setDefaultTimeout(20_000);

const ROOT = { name: 'root', uid: 0, gid: 0, home: '/', shell: '/bin/sh' };
const SOMEBODY = { ...ROOT, name: 'somebody', uid: 4_242, gid: 4_242 };
const never = new AbortController().signal;

interface Scene {
  readonly marker?: Marker;
  readonly self?: typeof ROOT;
  readonly dryRun?: boolean;
  readonly worker?: string;
  readonly tags?: Record<string, string>;
}

/** Everything before the first decision, for a user and a marker that are only said to be there. No account is made. */
async function lay({ marker = { tag: 'present', holds: 'any' }, self = ROOT, dryRun = false, worker, tags }: Scene) {
  await using service = await new FakeMetadata({}).start();
  if (tags !== undefined) service.instance.tags = tags;
  using folder = tempFolder();
  const configFile = `${folder.path}/p.yml`;
  writeFileSync(
    configFile,
    `metadata: { source: ec2 }
worker: { mode: command, command: [/bin/sh], ${worker ?? ''} }
shutdown: { command: [/bin/sh] }
state-dir: ${folder.path}/state
`,
  );
  const input = { configFile, dryRun, workerArgv: [], env: {}, platform: 'linux' };
  const { log } = recordingLog();
  const ran: string[] = [];
  const reach: Fetch = (url, init) => fetch(String(url).replace('http://169.254.169.254', service.endpoint), init);
  const accounts = {
    exists: (name: string) => name === 'daemon',
    run: async (argv: readonly string[]) => {
      ran.push(`${argv[0]} ${argv.at(-1)}`);
      return 'it is only noted';
    },
    clock: systemClock,
    log,
    platform: 'linux',
  };
  const options = { ...input, clock: systemClock, fetch: reach };
  const setUp = readSetUp(input, marker, self);
  const ground = { options, setUp, marker, self, journal: 'j', accounts, log, stop: never, hurry: never };
  const laid = await layGround(ground).catch((error: unknown) => {
    if (error instanceof AppError) return error.exitCode;
    throw error;
  });
  const parts = typeof laid === 'number' ? undefined : laid.parts;
  return { ran, refused: typeof laid === 'number' ? laid : 0, name: parts?.name, unusable: parts?.unusable };
}

test('armed: the account that is missing is made, named after the instance', async () => {
  const { ran, name, unusable } = await lay({});
  expect([ran, name]).toEqual([['useradd MacM1-7-worker'], 'MacM1-7']);
  expect(unusable).toContain('there is no user MacM1-7-worker, and none could be made: it is only noted');
});

test('armed: the account that is named', async () => {
  expect((await lay({ worker: 'user: no-such-account' })).ran).toEqual(['useradd no-such-account']);
});

test('armed, and there already', async () => {
  expect(await lay({ worker: 'user: daemon' })).toMatchObject({ ran: [], unusable: undefined });
});

test('a marker of another instance: none is made, and the machine is supervised without a worker', async () => {
  const { ran, unusable } = await lay({ marker: { tag: 'present', holds: 'i-0fedcba9876543210' } });
  expect([ran, unusable]).toEqual([[], expect.stringContaining('there is no user MacM1-7-worker')]);
});

test('a dry run makes none', async () => {
  expect((await lay({ dryRun: true })).ran).toEqual([]);
});

test('without a marker: refused as ever', async () => {
  expect(await lay({ marker: { tag: 'absent' } })).toMatchObject({ ran: [], refused: 78 });
});

test('not root: the own account', async () => {
  expect(await lay({ self: SOMEBODY })).toMatchObject({ ran: [], refused: 0, unusable: undefined });
});

test('an instance without a name is called as its host', async () => {
  const { name } = await lay({ tags: { PWPoolReady: 'true' }, worker: 'user: daemon' });
  expect(name).toBe(defaultWorkerName());
});
