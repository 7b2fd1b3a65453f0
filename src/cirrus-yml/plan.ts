import type { NumberedTask } from './dependencies.ts';
import type { Prebuild } from './dockerfile/prebuild.ts';
import { isForeign } from './foreign.ts';
import type { TextPlace } from './problem.ts';
import type { Report } from './report.ts';
import type { Instance } from './task/instance.ts';
import type { TaskDraft } from './task/task-draft.ts';

/** What would become of one task of the file. */
export interface PlannedTask {
  readonly id: number;
  readonly name: string;
  readonly alias: string;
  readonly state: 'runs' | 'skipped' | 'left-out';
  /** The condition that decided about `state`, with its place; undefined for a task that runs. */
  readonly because: (TextPlace & { readonly text: string }) | undefined;
  /** Ids of the tasks that it waits for. */
  readonly requires: readonly number[];
  /** `persistent_worker`, `container`, …, with the isolation if it has one. */
  readonly runsOn: string;
  readonly workerLabels: Readonly<Record<string, string>>;
  /** What tells it apart from others of its name. */
  readonly uniqueLabels: readonly string[];
  readonly foreign: boolean;
}

function describeInstance(instance: Instance | undefined, cloud: string | undefined): string {
  if (cloud !== undefined || instance === undefined) return cloud ?? 'nowhere';
  const isolation = instance.tag === 'worker' ? instance.message.isolation?.type.case : undefined;
  if (instance.tag === 'pipe' || instance.tag === 'builder') return instance.tag;
  return isolation === undefined ? instance.field : `${instance.field} in ${isolation}`;
}

function stateOf({ draft, enabled }: NumberedTask): PlannedTask['state'] {
  if (!enabled) return 'left-out';
  return draft.skip ? 'skipped' : 'runs';
}

function reasonFor(draft: TaskDraft, state: PlannedTask['state'], report: Report): PlannedTask['because'] {
  const condition = state === 'left-out' ? draft.onlyIf : state === 'skipped' ? draft.skipText : undefined;
  if (condition === undefined) return undefined;
  const keyword = state === 'skipped' ? 'skip' : 'only_if';
  return { ...report.placeOf(condition.at), text: `${keyword}: ${condition.node.text}` };
}

export interface PlanInput {
  readonly tasks: readonly NumberedTask[];
  readonly required: ReadonlyMap<number, readonly number[]>;
  readonly prebuilds: ReadonlyMap<number, Prebuild>;
  readonly labels: ReadonlyMap<number, readonly string[]>;
}

/** What would become of every task of the file, those that are left out included, and of the images they want. */
export function planTasks({ tasks, required, prebuilds, labels }: PlanInput, report: Report): PlannedTask[] {
  const planned = tasks.map((task): PlannedTask => {
    const { id, draft } = task;
    const state = stateOf(task);
    const prebuild = prebuilds.get(id);
    return {
      id,
      name: draft.name,
      alias: draft.alias,
      state,
      because: reasonFor(draft, state, report),
      requires: [...(required.get(id) ?? []), ...(prebuild === undefined ? [] : [prebuild.id])],
      runsOn: describeInstance(draft.instance, draft.cloud?.key),
      workerLabels: draft.instance?.tag === 'worker' ? draft.instance.message.labels : {},
      uniqueLabels: labels.get(id) ?? [],
      foreign: isForeign(draft),
    };
  });
  const images = [...new Set(prebuilds.values())].map(
    ({ id, name }): PlannedTask => ({
      id,
      name,
      alias: '',
      state: 'runs',
      because: undefined,
      requires: [],
      runsOn: 'image builder',
      workerLabels: {},
      uniqueLabels: labels.get(id) ?? [],
      foreign: true,
    }),
  );
  return [...planned, ...images];
}
