import { printable } from './format-problem.ts';
import type { PlannedTask } from './plan.ts';

interface Row {
  readonly tree: string;
  readonly runsOn: string;
  readonly remark: string;
}

/** Deeper branches are drawn at this depth, so that a long chain stays readable. */
const MAX_DEPTH = 12;
const MAX_PADDING = 60;

function titleOf({ id, name, alias, uniqueLabels }: PlannedTask): string {
  const labels = uniqueLabels.length === 0 ? '' : ` [${uniqueLabels.join(', ')}]`;
  return `${id} ${name}${labels}${alias === '' ? '' : ` (alias ${alias})`}`;
}

function describeWorker({ runsOn, workerLabels }: PlannedTask): string {
  return [runsOn, ...Object.entries(workerLabels).map(([name, value]) => `${name}=${value}`)].join(' ');
}

function remarkOn({ state, because, foreign, requires }: PlannedTask): string {
  const [, ...others] = requires;
  const place = because === undefined ? '' : `, line ${because.line}: ${because.text}`;
  const remarks = [
    others.length === 0 ? '' : `also after ${others.join(', ')}`,
    state === 'skipped' ? `skipped${place}` : '',
    state === 'left-out' ? `left out${place}` : '',
    foreign ? 'needs a hosted service' : '',
  ];
  return remarks.filter((remark) => remark !== '').join('; ');
}

/** Rows of a task and of all that wait for it first of all. */
function rowsOf(
  task: PlannedTask,
  children: ReadonlyMap<number | undefined, readonly PlannedTask[]>,
  depth: number,
): Row[] {
  const below = children.get(task.id) ?? [];
  const inner = below.flatMap((child, index) => {
    const last = index === below.length - 1;
    const [first, ...others] = rowsOf(child, children, depth + 1);
    if (first === undefined || depth + 1 >= MAX_DEPTH) return first === undefined ? [] : [first, ...others];
    const branch = { ...first, tree: `${last ? '└─' : '├─'} ${first.tree}` };
    return [branch, ...others.map((row) => ({ ...row, tree: `${last ? '  ' : '│ '} ${row.tree}` }))];
  });
  return [{ tree: titleOf(task), runsOn: describeWorker(task), remark: remarkOn(task) }, ...inner];
}

/**
 * The tasks as a tree for people: each below the first task that it waits for, with number, name, what tells it apart,
 * where it runs, and why it would be skipped or left out. Ends with a line end; empty for no tasks.
 */
export function drawTasks(plan: readonly PlannedTask[]): string {
  const ids = new Set(plan.map(({ id }) => id));
  const children = Map.groupBy(plan, ({ requires: [first] }) =>
    first !== undefined && ids.has(first) ? first : undefined,
  );
  const rows = (children.get(undefined) ?? []).flatMap((task) => rowsOf(task, children, 0));
  const width = (pick: (row: Row) => string) =>
    Math.min(MAX_PADDING, Math.max(0, ...rows.map((row) => pick(row).length)));
  const [tree, runsOn] = [width((row) => row.tree), width((row) => row.runsOn)];
  const lines = rows.map((row) => `${row.tree.padEnd(tree)}  ${row.runsOn.padEnd(runsOn)}  ${row.remark}`.trimEnd());
  return lines.map((line) => `${printable(line)}\n`).join('');
}
