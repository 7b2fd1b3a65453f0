import { expect, test } from 'bun:test';
import { PATHS } from '../../src/install/paths.ts';
import { pathsToRemove, planUninstall, type UninstallFacts } from '../../src/install/plan-uninstall.ts';
import type { Seen } from '../../src/install/seen.ts';
import { AppError } from '../../src/lib/errors.ts';

const FILE: Seen = { kind: 'file', mode: 0o644, uid: 0, sha256: '' };

function installed(platform: 'darwin' | 'linux', change: Partial<UninstallFacts> = {}): UninstallFacts {
  return {
    platform,
    root: '/',
    uid: 0,
    seen: new Map(pathsToRemove(platform).map((path) => [path, FILE])),
    loaded: { deadline: true, supervisor: true },
    filter: [],
    ...change,
  };
}

const short = (facts: UninstallFacts) =>
  planUninstall(facts).steps.map((step) =>
    step.tag === 'run' ? step.argv.join(' ') : 'path' in step ? step.path : '',
  );

test('macOS: the supervisor first, the deadline after it', () => {
  expect(short(installed('darwin', { filter: [['pfctl', '-a', 'com.apple/pwagent', '-F', 'all']] }))).toEqual([
    'launchctl bootout system/dev.pwagent',
    '/Library/LaunchDaemons/dev.pwagent.plist',
    'launchctl bootout system/dev.pwagent.deadline',
    '/Library/LaunchDaemons/dev.pwagent.deadline.plist',
    'pfctl -a com.apple/pwagent -F all',
    PATHS.binary,
    PATHS.deadline,
    PATHS.libexec,
    PATHS.marker,
    PATHS.socket,
  ]);
});

test('Linux: units are stopped, their links go, systemd reads anew', () => {
  const steps = short(installed('linux'));
  expect(steps.slice(0, 3)).toEqual([
    'systemctl stop pwagent.service',
    '/etc/systemd/system/multi-user.target.wants/pwagent.service',
    '/etc/systemd/system/pwagent.service',
  ]);
  expect(steps.at(-1)).toBe('systemctl daemon-reload');
});

test('configuration, token and journal are kept, and told', () => {
  const { steps, remarks } = planUninstall(installed('linux'));
  const kept = [PATHS.config, PATHS.worker, PATHS.token, PATHS.state] as const;
  for (const path of kept) expect(JSON.stringify(steps)).not.toContain(`"${path}"`);
  for (const path of kept) expect(remarks.join()).toContain(path);
});

test('nothing there, nothing to do', () => {
  const seen = new Map(pathsToRemove('linux').map((path): [string, Seen] => [path, { kind: 'absent' }]));
  const facts = installed('linux', { seen, loaded: { deadline: false, supervisor: false } });
  expect(planUninstall(facts)).toEqual({ steps: [], remarks: [] });
});

test('needs root', () => {
  expect(() => planUninstall(installed('linux', { uid: 501 }))).toThrow(AppError);
});
