import { describe, expect, test } from 'bun:test';
import { judge } from '../../src/install/checks.ts';
import type { DoctorFacts } from '../../src/install/doctor-facts.ts';
import { pathsToCheck } from '../../src/install/file-checks.ts';
import { PATHS } from '../../src/install/paths.ts';
import type { Seen } from '../../src/install/seen.ts';
import { type Platform, servicesOf } from '../../src/install/services.ts';
import { CONFIG } from './facts.ts';

const ID = 'i-0123456789abcdef0';
const IDENTITY = { instanceId: ID, region: 'eu-central-1' } as Extract<DoctorFacts['identity'], { ok: true }>['value'];
const FILE: Seen = { kind: 'file', mode: 0o600, uid: 0, sha256: 'right' };
const FOLDER: Seen = { kind: 'folder', mode: 0o700, uid: 0 };

/** A machine on which everything is right. */
function healthy(platform: Platform = 'darwin', change: Partial<DoctorFacts> = {}): DoctorFacts {
  const config = { ok: true, value: CONFIG } as const;
  const files = [...servicesOf(platform).map(({ file }) => file), PATHS.deadline];
  const folders = new Set<string>([PATHS.folder, PATHS.state, '/usr/local', '/usr/local/bin']);
  return {
    platform,
    root: '/',
    uid: 0,
    config,
    identity: { ok: true, value: IDENTITY },
    tag: { ok: true, value: { present: true, value: 'true' } },
    behaviour: { ok: true, value: 'terminate' },
    marker: ID,
    user: { name: 'mac-7-worker', exists: true, uid: 502 },
    seen: new Map([...pathsToCheck(config), ...files].map((path) => [path, folders.has(path) ? FOLDER : FILE])),
    expected: new Map(files.map((path) => [path, 'right'])),
    loaded: { deadline: true, supervisor: true },
    disk: { path: PATHS.state, freeBytes: 2 ** 40, minFreeBytes: 2 ** 30 },
    wallMs: Date.UTC(2026, 0, 1),
    driftMs: 1_000,
    signature: { ok: true, value: 'right' },
    hub: { address: 'http://hub:7481', problem: undefined },
    ...change,
  };
}

const amiss = (facts: DoctorFacts) =>
  judge(facts)
    .filter(({ verdict }) => verdict !== 'ok')
    .map(({ name, verdict }) => `${verdict} ${name}`);

test.each(['darwin', 'linux'] as const)('everything is right on %s', (platform) => {
  expect(amiss(healthy(platform))).toEqual([]);
});

const see = (path: string, seen: Seen | undefined): Partial<DoctorFacts> => {
  const table = new Map(healthy().seen);
  if (seen === undefined) table.delete(path);
  else table.set(path, seen);
  return { seen: table };
};
const off = { ok: false, problem: 'silent' } as const;
const [deadline, supervisor] = servicesOf('darwin');

describe('each precondition by itself', () => {
  test.each<readonly [string, Partial<DoctorFacts>, readonly string[]]>([
    ['not root', { uid: 501 }, ['fail root']],
    ['wrong configuration', { config: off }, ['fail configuration']],
    ['tags in metadata are off', { tag: { ok: true, value: { present: false, hint: 'off' } } }, ['fail tags']],
    ['no ready tag', { tag: { ok: true, value: { present: false, hint: undefined } } }, ['warn tags']],
    ['ready tag is false', { tag: { ok: true, value: { present: true, value: 'false' } } }, ['warn tags']],
    ['tag cannot be read', { tag: off }, ['fail tags']],
    ['a shutdown would only stop', { behaviour: { ok: true, value: 'stop' } }, ['fail shutdown behaviour']],
    ['no rights to ask EC2', { behaviour: off }, ['warn shutdown behaviour']],
    ['no marker', { marker: undefined }, ['fail marker']],
    ['marker of another instance', { marker: 'i-0ffffffffffffffff' }, ['fail marker']],
    ['marker of an image', { marker: 'any' }, []],
    ['no user', { user: { name: 'w', exists: false, uid: undefined } }, ['fail user']],
    ['user is root', { user: { name: 'root', exists: true, uid: 0 } }, ['warn user']],
    ['token readable', see(PATHS.token, { ...FILE, mode: 0o644 } as Seen), ['fail permissions']],
    ['token missing', see(PATHS.token, { kind: 'absent' }), ['fail permissions']],
    ['worker.yml missing', see(PATHS.worker, { kind: 'absent' }), []],
    ['configuration of somebody else', see(PATHS.config, { ...FILE, uid: 502 } as Seen), ['fail permissions']],
    ['others may swap the executable', see('/usr/local/bin', { ...FOLDER, mode: 0o777 } as Seen), ['fail permissions']],
    ['may not be looked at', see(PATHS.token, undefined), ['fail permissions']],
    ['deadline not loaded', { loaded: { deadline: false, supervisor: true } }, ['fail deadline service']],
    ['supervisor not loaded', { loaded: { deadline: true, supervisor: false } }, ['fail supervisor service']],
    ['deadline missing', see(deadline.file, { kind: 'absent' }), ['fail deadline service']],
    [
      'another version of the service',
      see(supervisor.file, { ...FILE, sha256: 'x' } as Seen),
      ['warn supervisor service'],
    ],
    ['deadline script missing', see(PATHS.deadline, { kind: 'absent' }), ['fail deadline script']],
    ['deadline script changed', see(PATHS.deadline, { ...FILE, sha256: 'x' } as Seen), ['warn deadline script']],
    ['disk full', { disk: { path: '/', freeBytes: 5, minFreeBytes: 6 } }, ['fail disk']],
    ['no state folder', { disk: { path: '/', freeBytes: undefined, minFreeBytes: 0 } }, ['fail disk']],
    ['clock ahead', { driftMs: 600_000 }, ['warn clock']],
    ['clock behind', { driftMs: -600_000 }, ['warn clock']],
    ['clock never set', { driftMs: undefined, wallMs: 5 }, ['fail clock']],
    ['signature wrong', { signature: off }, ['fail signature']],
    ['hub away', { hub: { address: 'x', problem: 'ECONNREFUSED' } }, ['fail hub']],
    ['a command as worker', { hub: undefined }, []],
  ])('%s', (_title, change, expected) => {
    const facts = healthy('darwin', change);
    expect(amiss(facts)).toEqual([...expected]);
    for (const { verdict, mend } of judge(facts)) expect((mend ?? '') === '').toBe(verdict === 'ok');
  });
});

test('without a metadata service: fails, unless shutdown.command ends the machine', () => {
  const alone = { identity: off, tag: undefined, behaviour: undefined, marker: undefined, driftMs: undefined };
  const others = ['warn tags', 'warn shutdown behaviour', 'warn marker'];
  expect(amiss(healthy('linux', alone))).toEqual(['fail metadata', ...others]);
  const config = { ok: true, value: { ...CONFIG, namesShutdown: true } } as const;
  expect(amiss(healthy('linux', { ...alone, config }))).toEqual(['warn metadata', ...others]);
});

test('a staged folder is judged without asking anybody', () => {
  const names = judge(healthy('linux', { root: '/stage', identity: off })).map(({ name }) => name);
  expect(names).toEqual([
    'configuration',
    'permissions',
    'deadline script',
    'deadline service',
    'supervisor service',
    'signature',
  ]);
});
