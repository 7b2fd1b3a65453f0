import type { Clock } from '../../platform/clock.ts';
import type { RunProgram } from '../../platform/run-program.ts';
import type { User } from '../../platform/users.ts';
import type { ProcessMark, ProcessPort } from '../process-family.ts';
import type { Finding } from './facts.ts';

const PROGRAM_MS = 10_000;

/** Rounds of stopping and killing: a process that is stopped cannot fork away from the next round. */
const END_ROUNDS = 20;
const BETWEEN_ROUNDS_MS = 50;

/** Folders that belong to the system; a name in them leads to no other file. */
const SPOOLS = ['/var/spool/cron/', '/var/at/'];

export interface UndoPorts {
  readonly platform: string;
  readonly user: User;
  readonly clock: Clock;
  readonly processes: ProcessPort;
  readonly run: RunProgram;
  /** As the worker's user, so that no link of a task leads us anywhere that it may not go itself. */
  readonly runAsUser: RunProgram;
}

async function end(marks: readonly ProcessMark[], { processes, clock }: UndoPorts, signal: AbortSignal) {
  const left = () =>
    processes.list().filter(({ pid, started }) => marks.some((mark) => mark.pid === pid && mark.started === started));
  for (let round = 0; round < END_ROUNDS && left().length > 0; round += 1) {
    for (const name of ['SIGSTOP', 'SIGKILL'] as const) for (const { pid } of left()) processes.signal(pid, name);
    await clock.sleep(BETWEEN_ROUNDS_MS, signal);
  }
  return left().length === 0 ? null : 'some of them cannot be ended';
}

async function remove(paths: readonly string[], { run, runAsUser }: UndoPorts, signal: AbortSignal) {
  const ofSystem = paths.filter((path) => SPOOLS.some((spool) => path.startsWith(spool)));
  const ofUser = paths.filter((path) => !ofSystem.includes(path));
  const problems = [
    ofSystem.length === 0 ? null : await run(['/bin/rm', '-f', '--', ...ofSystem], PROGRAM_MS, signal),
    ofUser.length === 0 ? null : await runAsUser(['/bin/rm', '-rf', '--', ...ofUser], PROGRAM_MS, signal),
  ];
  return problems.find((problem) => problem !== null) ?? null;
}

async function forgetAgent(path: string, ports: UndoPorts, signal: AbortSignal): Promise<string | null> {
  if (ports.platform === 'darwin') {
    for (const domain of [`gui/${ports.user.uid}`, `user/${ports.user.uid}`]) {
      await ports.run(['/bin/launchctl', 'bootout', domain, path], PROGRAM_MS, signal); // fails where it is not loaded
    }
  }
  return remove([path], ports, signal);
}

/** Takes a finding back. Resolves to null when that worked, to the reason when not or when nothing can be done. */
export async function undo({ remedy }: Finding, ports: UndoPorts, signal: AbortSignal): Promise<string | null> {
  const { run, platform } = ports;
  switch (remedy.tag) {
    case 'end':
      return end(remedy.marks, ports, signal);
    case 'remove':
      return remove(remedy.paths, ports, signal);
    case 'forget-agent':
      return forgetAgent(remedy.path, ports, signal);
    case 'unmount':
      return run(
        [platform === 'darwin' ? '/sbin/umount' : '/bin/umount', platform === 'darwin' ? '-f' : '-l', remedy.path],
        PROGRAM_MS,
        signal,
      );
    case 'detach':
      return run(['/usr/bin/hdiutil', 'detach', '-force', remedy.device], PROGRAM_MS, signal);
    case 'none':
      return 'nothing can be done about it';
  }
}
