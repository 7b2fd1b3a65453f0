import { describe, expect, test } from 'bun:test';
import { mayKillWholeUser, requireShutdown } from '../../src/supervisor/power.ts';

const shutdown = { ladder: undefined, command: undefined, stepTimeoutMs: 1, before: [], beforeTimeoutMs: 1 };

describe('a supervisor that could not end its machine', () => {
  test('is refused', () => {
    expect(() => requireShutdown({ file: 'p.yml', shutdown }, false)).toThrow('shutdown.command is missing');
  });

  test.each([
    ['a command is named', { ...shutdown, command: ['/bin/true'] }, false],
    ['a dry run ends nothing anyway', shutdown, true],
  ])('but not when %s', (_title, some, dryRun) => requireShutdown({ file: 'p.yml', shutdown: some }, dryRun));
});

describe('all processes of the worker user may be ended', () => {
  const allowed = { platform: 'linux', supervisorUid: 0, workerUid: 1_000, dedicated: true };
  test.each([
    ['root, dedicated, an ordinary account', {}, true],
    ['macOS counts ordinary accounts from 500', { platform: 'darwin', workerUid: 500 }, true],
    ['not without worker.dedicated', { dedicated: false }, false],
    ['not when not root', { supervisorUid: 1_000, workerUid: 1_001 }, false],
    ['not its own account', { supervisorUid: 1_000 }, false],
    ['not root', { workerUid: 0 }, false],
    ['not a system account', { workerUid: 999 }, false],
    ['not a system account of macOS', { platform: 'darwin', workerUid: 499 }, false],
    ['not nobody', { workerUid: 65_534 }, false],
  ])('%s', (_title, changes, expected) => expect(mayKillWholeUser({ ...allowed, ...changes })).toBe(expected));
});
