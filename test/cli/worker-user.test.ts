import { describe, expect, test } from 'bun:test';
import { planUser } from '../../src/cli/worker/worker-user.ts';
import { AppError } from '../../src/lib/errors.ts';

const USER = { name: 'ci', uid: 501, gid: 20, home: '/Users/ci', shell: '/bin/zsh' };
const mac = {
  platform: 'darwin',
  uid: 0,
  lookUp: (name: string) => (name === 'ci' ? USER : name === 'root' ? { ...USER, name: 'root', uid: 0 } : undefined),
};

test.each([
  [{}, { tag: 'stay' }],
  [{ user: '' }, { tag: 'stay' }],
  [{ userCoarseGrained: true }, { tag: 'stay' }], // without a user it does nothing, as before
  [{ user: 'ci' }, { tag: 'become', user: USER }],
  [
    { user: 'ci', userCoarseGrained: true },
    { tag: 'agents-as', user: USER },
  ],
] as const)('on macOS, as root: %j', (flags, plan) => {
  expect(planUser(flags, mac)).toEqual(plan);
});

test('without the flags the platform does not matter', () => {
  expect(planUser({}, { ...mac, platform: 'linux', uid: 1000 })).toEqual({ tag: 'stay' });
});

describe('refused', () => {
  test.each([
    [{ user: 'ci' }, { platform: 'linux' }, 64, '--user is for macOS alone'],
    [{ userCoarseGrained: true }, { platform: 'linux' }, 64, '--user-coarse-grained is for macOS alone'],
    [{ user: 'ci' }, { uid: 501 }, 77, '--user ci: only root can become another user'],
    [{ user: 'nobody-here' }, {}, 78, '--user nobody-here: there is no such user'],
    [{ user: 'root' }, {}, 78, '--user root: that is root'],
  ] as const)('%j with %j', (flags, machine, exitCode, sentence) => {
    try {
      planUser(flags, { ...mac, ...machine });
      throw new Error('nothing was refused');
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      expect([error.exitCode, error.message]).toEqual([exitCode, expect.stringContaining(sentence)]);
    }
  });
});
