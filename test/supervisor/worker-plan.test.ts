import { describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { describeError } from '../../src/lib/errors.ts';
import { currentUser, lookUpUser } from '../../src/platform/users.ts';
import { parseSupervisorConfig } from '../../src/supervisor/config.ts';
import { defaultWorkerUser, type PlanInput, planWorker } from '../../src/supervisor/worker-plan.ts';
import { tempFolder } from '../support/temp-folder.ts';

const ordinary = { name: 'me', uid: 4_242, gid: 4_242, home: '/nonexistent', shell: '/bin/sh' };
const root = { name: 'root', uid: 0, gid: 0, home: '/root', shell: '/bin/sh' };

function plan(worker: string, changes: Partial<PlanInput> = {}) {
  const config = parseSupervisorConfig(`worker: { ${worker} }`, 'p.yml');
  const input = {
    config,
    name: 'Mac-7',
    argv: ['/bin/true'],
    self: ordinary,
    env: { LANG: 'de_DE.UTF-8', SECRET: 'x' },
    platform: 'linux',
  };
  return planWorker({ ...input, ...changes });
}

const refusal = (worker: string, changes: Partial<PlanInput> = {}) => {
  try {
    plan(worker, changes);
    return 'accepted';
  } catch (error) {
    return describeError(error);
  }
};

describe('whose worker it is', () => {
  test('not root: the own account, with a line that says so', () => {
    const { plan: made, warnings } = plan('user: ci');
    expect([made.user, made.switchTo, made.killWholeUser]).toEqual([ordinary, undefined, false]);
    expect(warnings).toEqual([
      'the supervisor does not run as root: the worker runs as me, not as ci: changing the user needs root',
    ]);
  });

  test('root: the account that is named', () => {
    const daemon = lookUpUser('daemon');
    const { plan: made, warnings } = plan('user: daemon, dedicated: true', { self: root });
    expect(made.switchTo).toEqual({ name: 'daemon', uid: daemon?.uid ?? -1, gid: daemon?.gid ?? -1 });
    expect([made.killWholeUser, warnings]).toEqual([false, []]); // a system account, dedicated or not
  });

  test('root as worker is accepted with a warning', () => {
    const { plan: made, warnings } = plan('user: root, dedicated: true', { self: root });
    expect([made.switchTo, made.killWholeUser, warnings]).toEqual([
      undefined,
      false,
      [expect.stringContaining('worker.user is root')],
    ]);
  });

  test('an account that is missing is told', () => {
    expect(refusal('user: nobody-of-this-name', { self: root })).toBe(
      'p.yml: worker.user: there is no user nobody-of-this-name on this machine; create that user, or name another one as worker.user',
    );
    expect(refusal('', { self: root })).toContain('there is no user Mac-7-worker');
  });

  test.each([
    ['MacM1-7', 'MacM1-7-worker'],
    ['a.b c', 'a-b-c-worker'],
    ['x'.repeat(60), `${'x'.repeat(24)}-worker`],
  ])('default name for %s', (name, user) => expect(defaultWorkerUser(name)).toBe(user));
});

test('the environment is built from nothing', () => {
  const { plan: made } = plan('path: /bin, environment: { A: b, LANG: C }');
  expect(Object.keys(made.env).sort()).toEqual(['A', 'HOME', 'LANG', 'LOGNAME', 'PATH', 'SHELL', 'TMPDIR', 'USER']);
  expect(made.env).toMatchObject({ A: 'b', LANG: 'C', PATH: '/bin', HOME: '/nonexistent', USER: 'me', LOGNAME: 'me' });
  expect(plan('').plan.env.LANG).toBe('de_DE.UTF-8');
});

test('folder: as told, else the home, else the root', () => {
  using folder = tempFolder();
  expect(plan(`directory: ${folder.path}`).plan.cwd).toBe(folder.path);
  expect(plan('').plan.cwd).toBe('/');
  expect(plan('', { self: { ...ordinary, home: folder.path } }).plan.cwd).toBe(folder.path);
  expect(refusal('directory: /does/not/exist')).toContain(
    'worker.directory: /does/not/exist does not exist; create it',
  );
});

describe('what the worker is handed', () => {
  test('a file with upstreams brings its own tokens, and is told when others may open it', () => {
    using folder = tempFolder();
    const file = `${folder.path}/w.yml`;
    writeFileSync(file, 'upstreams:\n  - token: inside\n');
    chmodSync(file, 0o644); // whatever umask the tests run under
    const { plan: made, warnings } = plan(`config: ${file}`);
    expect(made.setup?.()?.token).toBeNull();
    expect(warnings).toContain(`${file} holds a token and other users may open it: run chmod 600 ${file}`);
  });

  test('text and token, read anew each time; open files are told', () => {
    using folder = tempFolder();
    const [file, token] = [`${folder.path}/w.yml`, `${folder.path}/t`];
    writeFileSync(file, 'token: inside\n');
    chmodSync(file, 0o644); // whatever umask the tests run under
    writeFileSync(token, 'secret\n', { mode: 0o600 });
    const { plan: made, warnings } = plan(`config: ${file}, token-file: ${token}, environment: { A: b }`, {
      self: currentUser().uid === 0 ? ordinary : currentUser(),
    });
    expect(made.setup?.()).toEqual({
      type: 'setup',
      name: 'Mac-7',
      configFile: file,
      configText: 'token: inside\n',
      token: 'secret',
      passEnvironment: ['A'],
    });
    expect(warnings.filter((line) => line.includes('chmod'))).toEqual([
      `${file} holds a token and other users may open it: run chmod 600 ${file}`,
    ]);
    chmodSync(file, 0o600);
    writeFileSync(token, 'other');
    expect(made.setup?.()?.token).toBe('other');
  });

  test.each([
    ['config: /does/not/exist', 'worker.config: /does/not/exist does not exist; create it'],
    ['token-file: /does/not/exist', 'worker.token-file: /does/not/exist does not exist; create it'],
    ['token-file: /dev/null', 'worker.token-file: /dev/null is empty; put the registration token'],
  ])('%s is refused', (worker, told) => expect(refusal(worker)).toContain(told));
});
