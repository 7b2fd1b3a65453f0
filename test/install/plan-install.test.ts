import { describe, expect, test } from 'bun:test';
import { configurationText } from '../../src/install/configuration-text.ts';
import type { InstallFacts, InstallOptions } from '../../src/install/facts.ts';
import { PATHS } from '../../src/install/paths.ts';
import { planInstall } from '../../src/install/plan-install.ts';
import { summarise } from '../../src/install/read-facts.ts';
import type { Seen } from '../../src/install/seen.ts';
import { describeStep, type Step } from '../../src/install/step.ts';
import { AppError } from '../../src/lib/errors.ts';
import { Secret } from '../../src/lib/secret.ts';
import { CONFIG, freshMachine, OPTIONS } from './facts.ts';

const plan = (facts: InstallFacts, options: Partial<InstallOptions> = {}) =>
  planInstall(facts, { ...OPTIONS, ...options });

/** The steps in short: what is done to what. */
const short = (steps: readonly Step[]) =>
  steps.map((step) =>
    step.tag === 'run' ? step.argv.join(' ') : step.tag === 'end' ? `end ${step.pid}` : `${step.tag} ${step.path}`,
  );

function refusal(facts: InstallFacts, options: Partial<InstallOptions> = {}): string {
  try {
    plan(facts, options);
    return 'no refusal';
  } catch (error) {
    return error instanceof AppError ? `${error.exitCode} ${error.message}` : String(error);
  }
}

test('a fresh Mac: deadline first, supervisor last; T17 the account shares no group', () => {
  const all = short(plan(freshMachine('darwin')).steps).map((line) =>
    line.replace(/^sh -c .* sh /, 'sh -c SET_GROUP sh '),
  );
  expect(all).toEqual([
    'folder /usr/local/libexec/pwagent',
    'write /usr/local/libexec/pwagent/deadline.sh',
    'write /Library/LaunchDaemons/dev.pwagent.deadline.plist',
    'launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.deadline.plist',
    'copy /usr/local/bin/pwagent',
    'folder /etc/pwagent',
    'write /etc/pwagent/pwagent.yml',
    `write ${PATHS.marker}`,
    'sysadminctl -addUser mac-7-worker -fullName pwagent worker -home /Users/mac-7-worker -shell /bin/zsh',
    'id -u mac-7-worker',
    'dseditgroup -o create mac-7-worker',
    'sh -c SET_GROUP sh mac-7-worker',
    'dscl . -create /Users/mac-7-worker Password *',
    'dscl . -create /Users/mac-7-worker IsHidden 1',
    'createhomedir -c -u mac-7-worker',
    'chown -R mac-7-worker:mac-7-worker /Users/mac-7-worker',
    'chmod 0750 /Users/mac-7-worker',
    'folder /var/db/pwagent',
    'write /Library/LaunchDaemons/dev.pwagent.plist',
    'launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.plist',
  ]);
});

test('a fresh Linux machine', () => {
  const all = short(plan(freshMachine('linux')).steps);
  expect(all.filter((line) => /^(systemctl|useradd|link)/.test(line))).toEqual([
    'link /etc/systemd/system/multi-user.target.wants/pwagent-deadline.service',
    'systemctl daemon-reload',
    'systemctl start pwagent-deadline.service',
    'useradd --comment pwagent worker --user-group --create-home --home-dir /home/mac-7-worker --shell /bin/bash mac-7-worker',
    'link /etc/systemd/system/multi-user.target.wants/pwagent.service',
    'systemctl daemon-reload',
    'systemctl start pwagent.service',
  ]);
});

test('the marker says this instance, or any', () => {
  const marker = (options: Partial<InstallOptions>) => {
    const found = plan(freshMachine('darwin'), options).steps.find(
      (step) => step.tag === 'write' && step.path === PATHS.marker,
    );
    return found?.tag === 'write' ? found.content : undefined;
  };
  expect([marker({}), marker({ image: true })]).toEqual(['i-0123456789abcdef0\n', 'any\n']);
});

test('an image starts nothing', () => {
  expect(
    short(plan(freshMachine('darwin'), { image: true }).steps).filter((line) => line.startsWith('launchctl')),
  ).toEqual([]);
  expect(
    short(plan(freshMachine('linux'), { image: true }).steps).filter((line) => line.startsWith('systemctl')),
  ).toEqual([]);
});

/** The machine as it is after the plan was carried out. */
function carriedOut(facts: InstallFacts): InstallFacts {
  const seen = new Map(facts.seen);
  for (const step of plan(facts).steps) {
    const now: Seen | undefined =
      step.tag === 'folder'
        ? { kind: 'folder', mode: step.mode, uid: 0 }
        : step.tag === 'write'
          ? {
              kind: 'file',
              mode: step.mode,
              uid: 0,
              sha256: new Bun.CryptoHasher('sha256').update(String(step.content)).digest('hex'),
            }
          : step.tag === 'copy'
            ? { kind: 'file', mode: step.mode, uid: 0, sha256: facts.binary.sha256 }
            : step.tag === 'link'
              ? { kind: 'link', target: step.target }
              : undefined;
    if (now !== undefined && 'path' in step) seen.set(step.path, now);
  }
  const loaded = { deadline: true, supervisor: true };
  return { ...facts, seen, loaded, config: CONFIG, user: { ...facts.user, exists: true } };
}

describe.each(['darwin', 'linux'] as const)('done once, on %s', (platform) => {
  const done = carriedOut(freshMachine(platform));

  test('L23 there is nothing left to do', () => {
    expect(plan(done).steps).toEqual([]);
  });

  test('what differs is mended, and that alone', () => {
    const token: Seen = { kind: 'file', mode: 0o644, uid: 0, sha256: '' };
    const wrong = { ...done, seen: new Map([...done.seen, [PATHS.token, token]]) };
    expect(short(plan(wrong).steps)).toEqual(['mode /etc/pwagent/token']);
    const foreign: Seen = { kind: 'folder', mode: 0o755, uid: 501 };
    const owned = { ...done, seen: new Map([...done.seen, [PATHS.folder, foreign]]) };
    expect(short(plan(owned).steps)).toEqual(['mode /etc/pwagent']);
  });

  test('a new executable: the supervisor is started anew, the deadline is left alone', () => {
    const steps = plan({ ...done, binary: { path: '/tmp/new', sha256: 'bb' } }).steps;
    expect(short(steps).filter((line) => line.includes('deadline'))).toEqual([]);
    expect(short(steps)[0]).toBe('copy /usr/local/bin/pwagent');
    expect(short(steps).at(-1)).toMatch(platform === 'darwin' ? /bootstrap/ : /restart/);
    if (platform === 'darwin') expect(steps.slice(-2)).toMatchObject([{ optional: true }, { tries: 45 }]);
  });

  test('a configuration is never overwritten', () => {
    const { steps, remarks } = plan(done, { configText: 'name: other\n' });
    expect(steps).toEqual([]);
    expect(remarks).toContain('/etc/pwagent/pwagent.yml is there already and was left as it is');
  });

  test('T08 a token that was given replaces another one, and shows nowhere', () => {
    const { steps } = plan(done, { token: new Secret('very-secret') });
    expect(short(steps)).toEqual(['write /etc/pwagent/token']);
    expect(steps.map(describeStep).join() + JSON.stringify(steps)).not.toContain('very-secret');
  });
});

describe('macOS', () => {
  const darwin = (signature: InstallFacts['signature']) => short(plan(freshMachine('darwin', { signature })).steps);

  test('quarantine is taken off, and a signature that is refused is made anew', () => {
    expect(darwin({ quarantined: true, valid: false })).toContain(
      'xattr -d com.apple.quarantine /usr/local/bin/pwagent',
    );
    expect(darwin({ quarantined: false, valid: false })).toContain('codesign --force -s - /usr/local/bin/pwagent');
    expect(darwin({ quarantined: false, valid: true }).filter((line) => /xattr|codesign/.test(line))).toEqual([]);
  });
});

describe('the configuration that is written', () => {
  test.each([
    [true, true],
    [false, false],
  ])('T19 no name becomes syntax; account made here: %p, so dedicated: %p', (made, dedicated) => {
    const summary = summarise(configurationText({ name: 'mac 7: "x"', user: 'w', made }), '/');
    expect([summary.user, summary.dedicated, summary.name]).toEqual(['w', dedicated, 'mac 7: "x"']);
  });

  test('an account that was there before is not ours to end', () => {
    const { steps, remarks } = plan(freshMachine('linux', { user: { name: 'ci', exists: true } }));
    const written = steps.find((step) => step.tag === 'write' && step.path === PATHS.config);
    expect(written).toMatchObject({ content: expect.stringContaining('dedicated: false') });
    expect(remarks.some((line) => line.includes('was there before'))).toBe(true);
  });
});

describe('an older set-up', () => {
  const leftovers = [
    { tag: 'process', pid: 42, started: '7', command: 'bash service_pool.sh' },
    { tag: 'file', path: '/var/tmp/shutdown.sh' },
  ] as const;
  const old = freshMachine('darwin', { leftovers });

  test('is listed and left alone, and the supervisor is not started beside it', () => {
    const { steps, remarks } = plan(old);
    expect(short(steps).some((line) => /^(end|remove)/.test(line))).toBe(false);
    expect(short(steps)).not.toContain('launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.plist');
    expect(remarks.join()).toContain('end process 42 (bash service_pool.sh)');
    expect(remarks.join()).toContain('remove /var/tmp/shutdown.sh');
  });

  test('is ended with --replace, exactly what was listed, before the supervisor starts', () => {
    const all = short(plan(old, { replace: true }).steps);
    expect(all.filter((line) => /^(end|remove)/.test(line))).toEqual(['end 42', 'remove /var/tmp/shutdown.sh']);
    expect(all.indexOf('end 42')).toBeLessThan(
      all.indexOf('launchctl bootstrap system /Library/LaunchDaemons/dev.pwagent.plist'),
    );
  });

  test('a name that steers the terminal is told without doing so', () => {
    const { remarks } = plan(
      freshMachine('darwin', { leftovers: [{ ...leftovers[0], command: 'bash \u001b[2Jservice_pool.sh' }] }),
    );
    expect(remarks.join('')).not.toContain('\u001b');
  });
});

describe('refused', () => {
  test.each([
    ['without root', freshMachine('linux', { uid: 501 }), {}, '77 pwagent install needs root'],
    [
      'a machine that nothing could end',
      freshMachine('linux', { instanceId: undefined }),
      {},
      '78 no metadata service tells an instance id, so nothing would end this machine',
    ],
    [
      'an account that is an option',
      freshMachine('linux', { user: { name: '--help', exists: false } }),
      {},
      '78 "--help" cannot be the name of an account',
    ],
    [
      'a folder in the way',
      freshMachine('linux', { seen: { [PATHS.token]: { kind: 'folder', mode: 0o755, uid: 0 } } }),
      { token: new Secret('t') },
      '78 /etc/pwagent/token is no file',
    ],
    [
      'a file in the way',
      freshMachine('linux', { seen: { [PATHS.folder]: { kind: 'file', mode: 0o644, uid: 0, sha256: '' } } }),
      {},
      '78 /etc/pwagent is no folder',
    ],
  ] as const)('%s', (_title, facts, options, sentence) => {
    expect(refusal(facts, options)).toBe(sentence);
  });

  test.each([
    ['with shutdown.command in the configuration', { config: { ...CONFIG, namesShutdown: true } }, {}],
    ['for an image', {}, { image: true }],
    ['when staged', { root: '/stage', uid: 501, canMakeUser: false }, {}],
  ] as const)('not refused %s', (_title, change, options) => {
    expect(refusal(freshMachine('linux', { instanceId: undefined, ...change }), options)).toBe('no refusal');
  });
});
