import { readdirSync } from 'node:fs';
import { basename } from 'node:path';
import type { ProcessInfo } from '../platform/process-table.ts';
import { inRoot } from './paths.ts';

/** Something that an older set-up of shell scripts left on the machine. */
export type Leftover =
  | { readonly tag: 'process'; readonly pid: number; readonly started: string; readonly command: string }
  | { readonly tag: 'file'; readonly path: string };

const SHELLS = new Set(['sh', 'bash', 'zsh', 'dash']);
const OLD_SCRIPTS = new Set(['service_pool.sh', 'shutdown.sh']);

/** Whether a command line is the old supervisor, its shutdown timer, or the old listener. */
export function isOldCommand(command: string): boolean {
  const words = command.split(' ').filter((word) => word !== '');
  const [program = '', ...rest] = words.map((word) => basename(word));
  if (program === 'cirrus') return rest[0] === 'worker' && rest[1] === 'run';
  if (program === 'service_pool.sh') return true;
  if (!SHELLS.has(program)) return words[0] === '/var/tmp/shutdown.sh';
  const script = words.slice(1).find((word) => !word.startsWith('-')) ?? '';
  if (OLD_SCRIPTS.has(basename(script))) return basename(script) !== 'shutdown.sh' || script.startsWith('/var/tmp/');
  return /\bsleep\b.*\/var\/tmp\/shutdown\.sh/.test(command);
}

/** Of `table`, the processes of an older set-up; never this process or one that it descends from. */
export function oldProcesses(table: readonly ProcessInfo[], self: number): Leftover[] {
  const own = new Set<number>();
  for (let pid = self; pid > 0 && !own.has(pid); pid = table.find((info) => info.pid === pid)?.ppid ?? 0) own.add(pid);
  const found = table.filter((info) => !own.has(info.pid) && isOldCommand(info.command));
  const isListener = ({ command }: ProcessInfo) => /(?:^|\/)cirrus worker run\b/.test(command);
  // The old supervisor starts its listener anew, so it goes first.
  const ordered = [...found.filter((info) => !isListener(info)), ...found.filter(isListener)];
  return ordered.map(({ pid, started, command }) => ({ tag: 'process', pid, started, command }));
}

/** Folders that the old set-up wrote to, with the names that it used there. */
const PLACES: readonly (readonly [folders: string, names: RegExp])[] = [
  ['/var/tmp', /^(?:shutdown\.sh|service_pool\.sh|setup\.sh|\.setup\..+)$/],
  ['/private/tmp', /_cfg_/],
  ['/Users/*', /^\.setup\..+$/],
  ['/home/*', /^\.setup\..+$/],
  ['/var/root', /^\.setup\..+$/],
  ['/root', /^\.setup\..+$/],
];

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => entry.name)
      .sort();
  } catch {
    return []; // not there, or not ours to read
  }
}

function foldersOf(root: string, pattern: string): string[] {
  if (!pattern.endsWith('/*')) return [pattern];
  const parent = pattern.slice(0, -2);
  try {
    return readdirSync(inRoot(root, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${parent}/${entry.name}`)
      .sort();
  } catch {
    return []; // not there on this system
  }
}

/** The files of an older set-up below `root`, links among them as themselves. Folders are never listed. */
export function oldFiles(root: string): Leftover[] {
  return PLACES.flatMap(([pattern, names]) =>
    foldersOf(root, pattern).flatMap((folder) =>
      namesIn(inRoot(root, folder))
        .filter((name) => names.test(name))
        .map((name) => ({ tag: 'file' as const, path: `${folder}/${name}` })),
    ),
  );
}
