import { formatSize } from '../../lib/size.ts';
import type { ProcessInfo } from '../../platform/process-table.ts';
import type { Attribution } from './attribute.ts';
import type { Finding, Snapshot, WatchedFile } from './facts.ts';

/** A task that leaves more than this on the disk takes it from the next ones. */
const MUCH_BYTES = 1024 * 1024 * 1024;

/** Named one by one up to here, counted beyond. */
const MAX_NAMES = 5;

/** What is left of a task's files. */
export interface Strays {
  /** In folders that every user may write to. */
  readonly shared: readonly string[];
  /** In the home, outside caches. */
  readonly home: readonly string[];
}

export interface Judged {
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly processes: Attribution;
  readonly strays: Strays;
  /** No other task runs, so that what is new can only come from this one. */
  readonly alone: boolean;
  /** The account exists for the worker alone: whatever is new in it may be ended and removed. */
  readonly dedicated: boolean;
}

/** Names are chosen by tasks: made fit for a terminal and a log. */
function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}]+/gu, '?');
  return clean.length > 120 ? `${clean.slice(0, 117)}...` : clean;
}

function names(list: readonly string[]): string {
  const shown = list.slice(0, MAX_NAMES).map(printable).join(', ');
  return list.length > MAX_NAMES ? `${shown} and ${list.length - MAX_NAMES} more` : shown;
}

function counted(list: readonly unknown[], one: string, many: string): string {
  return list.length === 1 ? `one ${one}` : `${list.length} ${many}`;
}

const marksOf = (list: readonly ProcessInfo[]) => list.map(({ pid, started }) => ({ pid, started }));
const commandsOf = (list: readonly ProcessInfo[]) => names(list.map(({ pid, command }) => command || `process ${pid}`));

function processFindings({ before, processes, alone, dedicated }: Judged): Finding[] {
  const { ofTask } = processes;
  const stood = new Set(before.processes.map(({ pid, started }) => `${pid} ${started}`));
  const fresh = processes.unknown.filter(({ pid, started }) => !stood.has(`${pid} ${started}`));
  const unknown = dedicated ? fresh : []; // in an account that people use, they are those of people
  const findings: Finding[] = [];
  if (ofTask.length > 0) {
    const what = `${counted(ofTask, 'process', 'processes')} outlived the task: ${commandsOf(ofTask)}`;
    findings.push({ what, remedy: { tag: 'end', marks: marksOf(ofTask) } });
  }
  if (unknown.length > 0) {
    const what = `${counted(unknown, 'process', 'processes')} of no known task: ${commandsOf(unknown)}`;
    const remedy = alone
      ? ({ tag: 'end', marks: marksOf(unknown) } as const)
      : ({ tag: 'none', dirty: false } as const);
    findings.push({ what, remedy });
  }
  return findings;
}

/** Agents and cron entries that are new can be taken back; what was changed, and what holds secrets, cannot. */
function watchedFinding(file: WatchedFile, isNew: boolean, mayUndo: boolean): Finding {
  const what = `${isNew ? 'new' : 'changed'} ${file.kind}: ${printable(file.path)}`;
  if (!isNew || !mayUndo) return { what, remedy: { tag: 'none', dirty: true } };
  if (file.kind === 'launch agent') return { what, remedy: { tag: 'forget-agent', path: file.path } };
  const removable = file.kind === 'cron entry' || file.kind === 'start-up file';
  return { what, remedy: removable ? { tag: 'remove', paths: [file.path] } : { tag: 'none', dirty: true } };
}

function watchedFindings({ before, after, dedicated }: Judged): Finding[] {
  const known = new Map(before.watched.map((file) => [file.path, file.print]));
  return after.watched
    .filter(({ path, print }) => known.get(path) !== print)
    .map((file) => watchedFinding(file, !known.has(file.path), dedicated));
}

function mountFindings({ before, after, alone, dedicated }: Judged): Finding[] {
  const mayUndo = alone && dedicated;
  const none = { tag: 'none', dirty: alone } as const;
  const mounted = after.mounts.filter(({ path }) => !before.mounts.some((mount) => mount.path === path));
  const attached = after.images.filter(({ device }) => !before.images.some((image) => image.device === device));
  return [
    ...mounted.map(({ path }) => ({
      what: `left mounted: ${printable(path)}`,
      remedy: mayUndo ? ({ tag: 'unmount', path } as const) : none,
    })),
    ...attached.map(({ file, device }) => ({
      what: `left attached: disk image ${printable(file)}`,
      remedy: mayUndo ? ({ tag: 'detach', device } as const) : none,
    })),
  ];
}

function fileFindings({ strays, alone, dedicated, after }: Judged): Finding[] {
  if (!alone || !dedicated) return []; // they may be the business of a running task, or of a person
  const { shared } = strays;
  const known = new Set(after.watched.map(({ path }) => path));
  const home = strays.home.filter((path) => !known.has(path));
  const findings: Finding[] = [];
  if (shared.length > 0) {
    const what = `${counted(shared, 'file', 'files')} left in shared folders: ${names(shared)}`;
    findings.push({ what, remedy: { tag: 'remove', paths: shared } });
  }
  if (home.length > 0) {
    const what = `${counted(home, 'file', 'files')} left in the home: ${names(home)}`;
    findings.push({ what, remedy: { tag: 'none', dirty: true } });
  }
  return findings;
}

function diskFindings({ before, after, alone }: Judged): Finding[] {
  if (!alone || before.freeBytes === undefined || after.freeBytes === undefined) return [];
  const takenBytes = before.freeBytes - after.freeBytes;
  if (takenBytes < MUCH_BYTES) return [];
  return [{ what: `${formatSize(takenBytes)} of disk were not given back`, remedy: { tag: 'none', dirty: true } }];
}

/** What a task left behind, and what to do about each. Pure: everything was collected before. */
export function judge(input: Judged): Finding[] {
  return [
    ...processFindings(input),
    ...watchedFindings(input),
    ...mountFindings(input),
    ...fileFindings(input),
    ...diskFindings(input),
  ];
}
