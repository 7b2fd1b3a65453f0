import type { BuildView, InstructionView, StatusName, TaskView } from '../../hub/model.ts';
import { ansiTokens, lastOverwrite } from '../../lib/ansi.ts';
import { formatDuration } from '../../lib/duration.ts';
import { assembleLines, NO_BYTES, unfinishedLine } from '../../lib/line-assembler.ts';
import type { FollowEvent } from './follow-build.ts';
import { painter, taskColour, verdictOf } from './text-style.ts';

/** The log that a task writes at the moment. */
interface OpenLog {
  readonly instruction: string;
  /** Bytes after the last line end. */
  readonly rest: Uint8Array;
  /** Colour sequences that are in force at the start of the next line. */
  readonly colours: string;
}

export interface RenderState {
  readonly build: BuildView | undefined;
  /** The next `build` event tells how things stand, before the logs that led there: verdicts have to wait for them. */
  readonly joining: boolean;
  /** What has been told about each task, so that nothing is told twice. */
  readonly told: Readonly<Record<string, StatusName>>;
  readonly waiting: Readonly<Record<string, string>>;
  /** By task. */
  readonly logs: Readonly<Record<string, OpenLog>>;
}

export const NOTHING_TOLD: RenderState = { build: undefined, joining: true, told: {}, waiting: {}, logs: {} };

export interface Rendered {
  readonly state: RenderState;
  /** Whole lines, without line ends. */
  readonly lines: readonly string[];
}

const RUN_OUT: readonly StatusName[] = ['COMPLETED', 'FAILED', 'ABORTED', 'SKIPPED'];

/** `lint  │ `, in the task's colour; empty when the build has one task only. */
function prefixOf(build: BuildView | undefined, taskId: string, colour: boolean): string {
  const tasks = build?.tasks ?? [];
  if (tasks.length < 2) return '';
  const index = tasks.findIndex(({ id }) => id === taskId);
  const width = Math.min(24, Math.max(...tasks.map(({ name }) => name.length)));
  const task = tasks[index] ?? build?.earlierRuns.find(({ id }) => id === taskId); // a run that was lost
  const name = (task?.name ?? taskId).slice(0, width).padEnd(width);
  return painter(colour)(taskColour(Math.max(0, index)), `${name} │ `);
}

/** One line of a log as a terminal may show it: colours stay when they are wanted, anything that moves is dropped. */
function showLine(line: string, colours: string, colour: boolean): { readonly text: string; readonly colours: string } {
  let active = colours;
  let text = colour ? colours : '';
  for (const token of ansiTokens(lastOverwrite(line))) {
    if (token.kind === 'text') text += token.text;
    else if (colour) {
      text += token.raw;
      active = token.params.includes(0) ? '' : `${active}${token.raw}`.slice(-200);
    }
  }
  return { text: colour && text.includes('\x1b') ? `${text}\x1b[0m` : text, colours: active };
}

function withLog(state: RenderState, taskId: string, log: OpenLog): RenderState {
  return { ...state, logs: { ...state.logs, [taskId]: log } };
}

/** Tells the line that a log broke off in, once nothing more will come. */
function flush(state: RenderState, taskId: string, colour: boolean): Rendered {
  const log = state.logs[taskId];
  if (log === undefined || log.rest.length === 0) return { state, lines: [] };
  const { text, colours } = showLine(unfinishedLine(log.rest), log.colours, colour);
  const lines = [`${prefixOf(state.build, taskId, colour)}${text}`];
  return { state: withLog(state, taskId, { ...log, rest: NO_BYTES, colours }), lines };
}

function renderLog(state: RenderState, event: FollowEvent & { kind: 'log' }, colour: boolean): Rendered {
  const { taskId, instruction, replaces, data } = event;
  const paint = painter(colour);
  const prefix = prefixOf(state.build, taskId, colour);
  const before = state.logs[taskId];
  const same = before?.instruction === instruction && !replaces;
  const flushed = same ? { state, lines: [] } : flush(state, taskId, colour);
  const lines = [...flushed.lines];
  if (before?.instruction !== instruction) lines.push(`${prefix}${paint('1', `▸ ${instruction}`)}`);
  else if (replaces) lines.push(`${prefix}${paint('90', `▸ ${instruction} (its whole log, as the agent kept it)`)}`);
  const base = same ? before : { instruction, rest: NO_BYTES, colours: '' };
  const assembled = assembleLines(base.rest, data);
  let { colours } = base;
  for (const line of assembled.lines) {
    const shown = showLine(line, colours, colour);
    colours = shown.colours;
    lines.push(`${prefix}${shown.text}`);
  }
  return { state: withLog(flushed.state, taskId, { instruction, rest: assembled.rest, colours }), lines };
}

/** `main: exit code 1` of the first instruction that failed; undefined when none did. */
export function failureOf(instructions: readonly InstructionView[]): string | undefined {
  const failed = instructions.find(({ status }) => status === 'FAILED');
  if (failed === undefined) return undefined;
  return failed.exitCode === null ? failed.name : `${failed.name}: exit code ${failed.exitCode}`;
}

/** How long a task ran, in milliseconds; null when it did not. */
export function taskDurationMs({ startedAt, finishedAt }: TaskView): number | null {
  if (startedAt === null || finishedAt === null) return null;
  return Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt));
}

/** Tasks that could run if a worker took them, with the hub's reason why none does. */
export function waitingForWorkers(build: BuildView | undefined): { readonly id: string; readonly reason: string }[] {
  const tasks = build?.tasks ?? [];
  const done = new Set(tasks.filter(({ status }) => RUN_OUT.includes(status)).map(({ id }) => id));
  return tasks.flatMap(({ id, status, reason, dependsOn }) => {
    const waits = status === 'CREATED' || status === 'TRIGGERED';
    return waits && reason !== null && dependsOn.every((needed) => done.has(needed)) ? [{ id, reason }] : [];
  });
}

function describeTask(task: TaskView, before: StatusName | undefined, colour: boolean): string | undefined {
  const paint = painter(colour);
  const changed = task.status !== before;
  if (RUN_OUT.includes(task.status)) {
    if (!changed) return undefined;
    const { sign, word, code } = verdictOf(task.status);
    const durationMs = taskDurationMs(task);
    const took = durationMs === null ? '' : ` in ${formatDuration(durationMs)}`;
    const why = task.status === 'COMPLETED' ? undefined : (task.reason ?? failureOf(task.instructions));
    return `${paint(`1;${code}`, `${sign} ${word}${took}`)}${why === undefined ? '' : ` (${why})`}`;
  }
  if (task.status === 'EXECUTING') {
    return changed ? paint('90', `started${task.worker === null ? '' : ` on ${task.worker}`}`) : undefined;
  }
  return undefined;
}

/** In a quiet while: why tasks wait, unless they wait for others of the build, which everybody can see. */
function renderWaiting(state: RenderState, colour: boolean): Rendered {
  const lines: string[] = [];
  let { waiting } = state;
  for (const { id, reason } of waitingForWorkers(state.build)) {
    if (waiting[id] !== reason) lines.push(`${prefixOf(state.build, id, colour)}${painter(colour)('90', reason)}`);
    waiting = { ...waiting, [id]: reason };
  }
  return { state: { ...state, waiting }, lines };
}

function renderBuild(before: RenderState, build: BuildView, colour: boolean): Rendered {
  const lines: string[] = [];
  let state: RenderState = { ...before, build, joining: false };
  for (const task of build.tasks) {
    if (before.joining && RUN_OUT.includes(task.status)) continue;
    const line = describeTask(task, before.told[task.id], colour);
    if (line !== undefined) {
      const flushed = RUN_OUT.includes(task.status) ? flush(state, task.id, colour) : { state, lines: [] };
      state = flushed.state;
      lines.push(...flushed.lines, `${prefixOf(build, task.id, colour)}${line}`);
    }
    state = { ...state, told: { ...state.told, [task.id]: task.status } };
  }
  return { state, lines };
}

/** Turns what happened into lines of text. Pure: the same events give the same lines. */
export function renderEvent(state: RenderState, event: FollowEvent, colour: boolean): Rendered {
  switch (event.kind) {
    case 'build':
      return renderBuild(state, event.build, colour);
    case 'log':
      return renderLog(state, event, colour);
    case 'quiet':
      return renderWaiting(state, colour);
    case 'end':
      return state.build === undefined ? { state, lines: [] } : renderBuild(state, state.build, colour);
    case 'lost':
      return {
        state: { ...state, joining: true },
        lines: [painter(colour)('33', `pwagent: ${event.reason}; trying again for two minutes`)],
      };
    case 'found':
      return { state, lines: [painter(colour)('33', 'pwagent: the hub is back, going on where we were')] };
  }
}
