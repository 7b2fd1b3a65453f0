import { describe, expect, test } from 'bun:test';
import { accountSteps, isAccountName } from '../../src/platform/make-account.ts';

const lines = (...args: Parameters<typeof accountSteps>) => accountSteps(...args).map(({ argv }) => argv.join(' '));

test('Linux: an account with a group and a home of its own, which others may not enter', () => {
  expect(lines('mac-7-worker', 'linux')).toEqual([
    'useradd --comment pwagent worker --user-group --create-home --home-dir /home/mac-7-worker --shell /bin/bash mac-7-worker',
    'chmod 0750 /home/mac-7-worker',
  ]);
});

test('Linux, staged: nothing outside of the folder', () => {
  const [made = '', closed = ''] = lines('w', 'linux', '/stage');
  expect([made.includes(' --prefix /stage '), closed]).toEqual([true, 'chmod 0750 /stage/home/w']);
});

test('macOS: the tool that always succeeds is checked; the name is never part of a script', () => {
  const steps = accountSteps('w', 'darwin');
  expect(steps.filter(({ optional }) => !optional).map(({ argv }) => argv.slice(0, 3))).toEqual([
    ['sysadminctl', '-addUser', 'w'],
    ['id', '-u', 'w'],
  ]);
  const script = steps.find(({ argv }) => argv[0] === 'sh')?.argv;
  expect([script?.slice(0, 2), script?.slice(3)]).toEqual([
    ['sh', '-c'],
    ['sh', 'w'],
  ]);
  expect(script?.[2]).toContain('"/Users/$1"');
});

describe('names of accounts', () => {
  test.each([
    ['MacM1-7-worker', true],
    ['_w', true],
    ['x'.repeat(31), true],
    ['x'.repeat(32), false],
    ['7-worker', false],
    ['-f', false],
    ['a b', false],
    ['', false],
  ])('%p: %p', (name, good) => expect(isAccountName(name)).toBe(good));
});
