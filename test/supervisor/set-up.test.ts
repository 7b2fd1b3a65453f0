import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { AppError } from '../../src/lib/errors.ts';
import { readSetUp, setUpWorker } from '../../src/supervisor/set-up.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ROOT = { name: 'root', uid: 0, gid: 0, home: '/', shell: '/bin/sh' };
const SOMEBODY = { ...ROOT, name: 'somebody', uid: 1_000, gid: 1_000 };
const MARKER = { tag: 'present', holds: 'any' } as const;
const NO_MARKER = { tag: 'absent' } as const;

function load(text: string | null, marker: typeof MARKER | typeof NO_MARKER, self = ROOT, dryRun = false) {
  using folder = tempFolder();
  const configFile = `${folder.path}/p.yml`;
  if (text !== null) writeFileSync(configFile, text);
  const input = { configFile, dryRun, workerArgv: ['/bin/true'], env: {}, platform: 'linux' };
  const setUp = readSetUp(input, marker, self);
  return { ...setUp, ...setUpWorker(input, setUp, 'Mac-7', self) };
}

const refused = (load: () => unknown) => {
  try {
    load();
    return undefined;
  } catch (error) {
    return error instanceof AppError ? error.exitCode : error;
  }
};

describe('a machine that may be armed', () => {
  test.each([
    ['no file', null, 'there is no such file'],
    ['a file that is no YAML', 'name: [', ''],
    ['an unknown key', 'nmae: x', 'nmae'],
    ['no such user', 'worker: { user: nobody-has-this-name }', 'there is no user nobody-has-this-name'],
    ['no such token', 'worker: { user: root, token-file: /no/such/token }', '/no/such/token does not exist'],
  ])('%s: supervised with the defaults, without a worker', (_title, text, why) => {
    const { unusable, config, mayArm } = load(text, MARKER);
    expect([mayArm, config.life.lifetimeMs]).toEqual([true, 48 * 3_600_000]);
    expect(unusable).toContain(why);
  });

  test('a usable one says nothing', () => {
    expect(load('worker: { user: root, mode: command, command: [/bin/sh] }', MARKER).unusable).toBeUndefined();
  });
});

describe('elsewhere', () => {
  const config = 'worker: { user: root, mode: command, command: [/bin/sh] }';
  test.each([
    ['no file', null, NO_MARKER, ROOT],
    ['a mistake', 'nmae: x', NO_MARKER, ROOT],
    ['a mistake, marker or not, without root', 'nmae: x', MARKER, SOMEBODY],
    ['no command to shut down with', config, NO_MARKER, ROOT],
    ['the same with a marker and another source', `metadata: { source: none }\n${config}`, MARKER, ROOT],
    ['the same with a loopback endpoint', `metadata: { endpoint: "http://127.0.0.1:1" }\n${config}`, MARKER, ROOT],
    ['no such user', 'shutdown: { command: [/bin/sh] }\nworker: { user: nobody-has-this-name }', NO_MARKER, ROOT],
  ] as const)('%s is refused', (_title, text, marker, self) => {
    expect(refused(() => load(text, marker, self))).toBe(78);
  });

  test('a dry run needs no command', () => {
    expect(load(config, NO_MARKER, ROOT, true)).toMatchObject({ mayArm: false, unusable: undefined });
  });
});
