import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../../src/platform/clock.ts';
import { findProcess, listProcesses } from '../../../src/platform/process-table.ts';
import { sendSignal, spawn } from '../../../src/platform/processes.ts';
import { programRunner } from '../../../src/platform/run-program.ts';
import { currentUser, type User } from '../../../src/platform/users.ts';
import { type AuditPorts, auditAfterTask, takeSnapshot } from '../../../src/supervisor/audit/audit.ts';
import { findStrays } from '../../../src/supervisor/audit/strays.ts';
import { testNeeding } from '../../support/requirement.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { throwAwayUser, userGap } from '../../support/throw-away-user.ts';
import { waitFor } from '../../support/wait-for.ts';

const never = new AbortController().signal;
const privileged = testNeeding('the audit of a user of its own', userGap());
const NOBODY = { taskId: '0', running: () => [], workerPid: undefined, endedWallMs: Number.POSITIVE_INFINITY };

function portsFor(user: User, folder: string, changes: Partial<AuditPorts> = {}): AuditPorts {
  const run = programRunner(systemClock);
  return {
    platform: 'linux',
    user,
    clock: systemClock,
    processes: { ownPid: process.pid, list: listProcesses, signal: (pid, name) => void sendSignal(pid, name) },
    run,
    runAsUser: programRunner(systemClock, (argv) => spawn({ argv, env: { PATH: '/usr/bin:/bin' }, cwd: '/', user })),
    folder,
    dedicated: true,
    except: [],
    shared: [folder],
    ...changes,
  };
}

describe('after a task of a user of its own', () => {
  privileged(
    'T10 what it left is ended and removed: cleaned; then there is nothing: clean',
    async () => {
      using user = throwAwayUser();
      const shared = join(user.home, '../shared');
      mkdirSync(shared);
      chmodSync(shared, 0o1777); // whatever umask the tests run under
      const ports = portsFor(user, shared);
      const before = await takeSnapshot(ports, NOBODY, never);
      const env = { PATH: '/usr/bin:/bin', CIRRUS_TASK_ID: '77', SHARED: shared, HOME: user.home };
      const marked =
        'sleep 600 & env -i setsid /bin/sleep 601 & echo x > $SHARED/left; echo "export A=b" > $HOME/.zshenv';
      const task = await spawn({ argv: ['/bin/sh', '-c', marked], env, user, cwd: '/' });
      await task.exited;
      const own = () => listProcesses().filter(({ uid }) => uid === user.uid);
      const commands = () => own().map(({ command }) => command);
      await waitFor('both are there', () => commands().sort().join() === '/bin/sleep 601,sleep 600');
      const ended = { ...NOBODY, taskId: '77' };
      const { verdict, reasons } = await auditAfterTask(before, ended, ports, never);
      expect(reasons).toEqual([
        'one process outlived the task: sleep 600 (undone)',
        'one process of no known task: /bin/sleep 601 (undone)',
        expect.stringMatching(/^new start-up file: .*\.zshenv \(undone\)$/),
        expect.stringMatching(/^one file left in shared folders: .*left \(undone\)$/),
      ]);
      expect([verdict, existsSync(`${shared}/left`), existsSync(`${user.home}/.zshenv`)]).toEqual([
        'cleaned',
        false,
        false,
      ]);
      expect(listProcesses().filter(({ uid }) => uid === user.uid)).toEqual([]);
      const later = await takeSnapshot(ports, NOBODY, never);
      expect(await auditAfterTask(later, ended, ports, never)).toEqual({ verdict: 'clean', reasons: [] });
    },
    30_000,
  );

  privileged(
    'beside a running task only its own processes are ended, and the other keeps its own',
    async () => {
      using user = throwAwayUser();
      const ports = portsFor(user, user.home);
      const before = await takeSnapshot(ports, NOBODY, never);
      const start = (id: string) => spawn({ argv: ['/bin/sleep', '600'], env: { CIRRUS_TASK_ID: id }, user, cwd: '/' });
      const [ended, other, stranger] = await Promise.all([start('1'), start('2'), start('3')]);
      await waitFor('both run', () =>
        [ended, other, stranger].every(({ pid }) => findProcess(pid)?.command === '/bin/sleep 600'),
      );
      const result = await auditAfterTask(before, { ...NOBODY, taskId: '1', running: () => ['2'] }, ports, never);
      expect(result.verdict).toBe('cleaned');
      const left = [ended, other, stranger].map(({ pid }) => findProcess(pid)?.pid);
      expect(left).toEqual([undefined, other.pid, stranger.pid]);
    },
    30_000,
  );

  privileged(
    'T09 a link in the place of a stray file leads the removal nowhere else',
    async () => {
      using user = throwAwayUser();
      using secret = tempFolder();
      writeFileSync(`${secret.path}/kept`, 'x');
      const shared = join(user.home, '../shared');
      mkdirSync(shared);
      chmodSync(shared, 0o1777); // whatever umask the tests run under
      const ports = portsFor(user, shared);
      const before = await takeSnapshot(ports, NOBODY, never);
      const env = { PATH: '/usr/bin:/bin' };
      const link = await spawn({ argv: ['/bin/ln', '-s', secret.path, `${shared}/link`], env, user, cwd: '/' });
      await link.exited;
      const { verdict } = await auditAfterTask(before, NOBODY, ports, never);
      expect([verdict, existsSync(`${secret.path}/kept`), existsSync(`${shared}/link`)]).toEqual([
        'cleaned',
        true,
        false,
      ]);
    },
    30_000,
  );
});

test('an audit that hangs is dirty and over in time, one that breaks is dirty', async () => {
  using folder = tempFolder();
  const user = { ...currentUser(), home: folder.path };
  const broken = {
    marked: () => {
      throw new Error('no table');
    },
  };
  const before = await takeSnapshot(portsFor(user, folder.path, { marked: () => [] }), NOBODY, never);
  const ports = portsFor(user, folder.path, { dedicated: false, ...broken });
  expect(await auditAfterTask(before, NOBODY, ports, never)).toEqual({
    verdict: 'dirty',
    reasons: ['the audit failed: no table'],
  });
});

test('strays: newer files of the user, links not followed, caches and exceptions left out', async () => {
  using folder = tempFolder();
  const { uid } = currentUser();
  const [home, shared] = [`${folder.path}/home`, `${folder.path}/shared`];
  for (const path of [`${home}/.cache`, `${home}/deep/er`, `${shared}/own`, `${shared}/kept`])
    mkdirSync(path, { recursive: true });
  for (const path of [`${home}/.cache/a`, `${home}/deep/er/b`, `${shared}/own/c`, `${shared}/kept/d`])
    writeFileSync(path, '');
  symlinkSync(folder.path, `${home}/deep/loop`);
  utimesSync(`${home}/deep/er/b`, 0, 0); // a task may set back what it can: the change of the inode remains
  const query = {
    uid,
    home,
    shared: [shared],
    sinceMs: systemClock.wallMs() - 60_000,
    untilMs: Number.POSITIVE_INFINITY,
    except: [`${shared}/kept`],
  };
  const found = await findStrays(query, systemClock);
  expect(found.shared).toEqual([`${shared}/own`]);
  expect([...found.home].sort()).toEqual([`${home}/deep/er/b`, `${home}/deep/loop`]);
  expect(await findStrays({ ...query, untilMs: query.sinceMs + 1 }, systemClock)).toEqual({ shared: [], home: [] });
  expect(await findStrays({ ...query, sinceMs: systemClock.wallMs() + 60_000 }, systemClock)).toEqual({
    shared: [],
    home: [],
  });
});
