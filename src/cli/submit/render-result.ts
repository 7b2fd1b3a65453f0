import type { PublishedBuild } from '../../hub/http/wire.ts';
import type { BuildView, TaskView } from '../../hub/model.ts';
import { formatDuration } from '../../lib/duration.ts';
import { failureOf, taskDurationMs, waitingForWorkers } from './render-events.ts';
import { painter, verdictOf } from './text-style.ts';

function timesOf(build: BuildView, nowMs: number): number {
  const endMs = build.finishedAt === null ? nowMs : Date.parse(build.finishedAt);
  return Math.max(0, endMs - Date.parse(build.createdAt));
}

function whyOf(task: TaskView): string {
  if (task.status === 'COMPLETED') return '';
  return failureOf(task.instructions) ?? task.reason ?? '';
}

/** The end of it all: a table of tasks, then one line about the build. Lines without line ends. */
export function renderResult(build: PublishedBuild, colour: boolean): string[] {
  const paint = painter(colour);
  const nameWidth = Math.max(4, ...build.tasks.map(({ name }) => name.length));
  const rows = build.tasks.map((task) => {
    const { sign, word, code } = verdictOf(task.status);
    const durationMs = taskDurationMs(task);
    const duration = (durationMs === null ? '–' : formatDuration(durationMs)).padStart(8);
    const status = paint(code, `${sign} ${word.padEnd(8)}`);
    return `  ${task.name.padEnd(nameWidth)}  ${status} ${duration}  ${whyOf(task)}`.trimEnd();
  });
  const head = `  ${'TASK'.padEnd(nameWidth)}  ${'STATUS'.padEnd(10)} ${'DURATION'.padStart(8)}  FAILED AT`;
  const { word, code } = verdictOf(build.status);
  const took = build.finishedAt === null ? '' : ` in ${formatDuration(timesOf(build, 0))}`;
  const verdict = paint(`1;${code}`, `build ${build.id} ${word}${took}`);
  return ['', paint('90', head), ...rows, '', `${verdict}  ${build.url}`];
}

/** The one object that `--json` prints. Durations are milliseconds, null while not known. */
export function resultJson(build: PublishedBuild) {
  const { id, status, url, branch, revision, message, createdAt, finishedAt } = build;
  return {
    build: { id, status, url, branch, revision, message, createdAt, finishedAt },
    status,
    tasks: build.tasks.map((task) => ({
      id: task.id,
      name: task.name,
      status: task.status,
      reason: task.reason,
      worker: task.worker,
      durationMs: taskDurationMs(task),
      instructions: task.instructions,
    })),
  };
}

/** `2 running, 1 waiting, 3 done · 1m 5s`, for the bottom line of a terminal; never wider than `columns`. */
export function progressText(build: BuildView, nowMs: number, columns: number): string {
  const count = (...statuses: readonly TaskView['status'][]) =>
    build.tasks.filter(({ status }) => statuses.includes(status)).length;
  const parts = [
    [count('EXECUTING'), 'running'],
    [count('CREATED', 'TRIGGERED', 'SCHEDULED'), 'waiting'],
    [count('COMPLETED'), 'passed'],
    [count('FAILED', 'ABORTED', 'SKIPPED'), 'not passed'],
  ] as const;
  const wholeS = Math.floor(timesOf(build, nowMs) / 1_000);
  const [first] = waitingForWorkers(build);
  const shown = parts
    .filter(([amount, word]) => amount > 0 || word === 'running')
    .map(
      ([amount, word]) => `${amount} ${word}${word === 'waiting' && first !== undefined ? ` (${first.reason})` : ''}`,
    );
  const text = `${shown.join(', ')} · ${formatDuration(wholeS * 1_000)}`;
  return text.slice(0, (columns > 0 ? columns : 80) - 1);
}
