import { formatDuration } from '../../lib/duration.ts';
import type { StatusName, TaskView } from '../model.ts';

/** How a status looks: the name of a CSS class, and a word for people. */
export interface StatusLook {
  readonly tone: 'waiting' | 'running' | 'passed' | 'failed' | 'stopped';
  readonly word: string;
}

const LOOKS: Readonly<Record<StatusName, StatusLook>> = {
  CREATED: { tone: 'waiting', word: 'waiting' },
  TRIGGERED: { tone: 'waiting', word: 'waiting' },
  SCHEDULED: { tone: 'waiting', word: 'starting' },
  EXECUTING: { tone: 'running', word: 'running' },
  COMPLETED: { tone: 'passed', word: 'passed' },
  FAILED: { tone: 'failed', word: 'failed' },
  ABORTED: { tone: 'stopped', word: 'aborted' },
  SKIPPED: { tone: 'stopped', word: 'skipped' },
};

export function lookOf(status: StatusName): StatusLook {
  return LOOKS[status];
}

/** How long something has taken so far, or in all; empty when it has not begun. */
export function elapsedText(startedAt: string | null, finishedAt: string | null, nowMs: number): string {
  if (startedAt === null) return '';
  const endMs = finishedAt === null ? nowMs : Date.parse(finishedAt);
  return formatDuration(Math.max(0, endMs - Date.parse(startedAt)));
}

/** `just now`, `5 minutes ago`, `3 days ago`. */
export function agoText(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1_000));
  const steps = [
    [86_400, 'day'],
    [3_600, 'hour'],
    [60, 'minute'],
  ] as const;
  const step = steps.find(([size]) => seconds >= size);
  if (step === undefined) return 'just now';
  const count = Math.floor(seconds / step[0]);
  return `${count} ${step[1]}${count === 1 ? '' : 's'} ago`;
}

/** `3 tasks` or `2 of 3 tasks done`, for a list of builds. */
export function progressText(tasks: readonly TaskView[]): string {
  const done = tasks.filter(({ finishedAt }) => finishedAt !== null).length;
  const all = `${tasks.length} ${tasks.length === 1 ? 'task' : 'tasks'}`;
  return done === tasks.length ? all : `${done} of ${all} done`;
}

/** The task that a visitor most likely wants to see: one that failed, else one that runs, else the first. */
export function taskToShow(tasks: readonly TaskView[]): TaskView | undefined {
  const withStatus = (status: StatusName) => tasks.find((task) => task.status === status);
  return withStatus('FAILED') ?? withStatus('EXECUTING') ?? tasks[0];
}

/** `os=linux, arch=amd64` of labels or resources. */
export function pairsText(pairs: Readonly<Record<string, string | number>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(', ');
}
