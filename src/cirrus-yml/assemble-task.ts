import { create } from '@bufbuild/protobuf';
import {
  CloneInstructionSchema,
  type Command,
  CommandSchema,
  Status,
  type Task,
  TaskSchema,
} from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { NumberedTask } from './dependencies.ts';
import { type Instance, instanceLabels, packInstance } from './task/instance.ts';
import type { TaskDraft } from './task/task-draft.ts';
import { compareBytes } from './variables.ts';

const ENCRYPTED = /^ENCRYPTED\[.*\]$/s;

/** What may tell a task from others of the same name. */
export interface Labelled {
  readonly id: number;
  readonly name: string;
  readonly labels: readonly string[];
}

/** Labels of where a task runs and of its variables, except secrets. */
export function labelsOf(draft: TaskDraft, instance: Instance | undefined): string[] {
  const shown = [...draft.scope.variables.own()].filter(([, value]) => !ENCRYPTED.test(value));
  const variables = shown.map(([name, value]) => `${name}:${value}`);
  return [...(instance === undefined ? [] : instanceLabels(instance)), ...variables];
}

/**
 * What tells tasks of the same name apart: labels that not all of them share, sorted. Tasks whose name is unique
 * are not in the result.
 */
export function findUniqueLabels(tasks: readonly Labelled[]): ReadonlyMap<number, readonly string[]> {
  const result = new Map<number, readonly string[]>();
  for (const namesakes of Map.groupBy(tasks, ({ name }) => name).values()) {
    if (namesakes.length < 2) continue;
    const counts = new Map<string, number>();
    for (const label of namesakes.flatMap(({ labels }) => labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
    for (const { id, labels } of namesakes) {
      result.set(id, labels.filter((label) => (counts.get(label) ?? 0) < namesakes.length).sort(compareBytes));
    }
  }
  return result;
}

/** The clone command comes first unless the task brings its own; in a pipe it runs in the image of the first step. */
function commandsOf({ draft }: NumberedTask): Command[] {
  const commands = draft.list.commands.map(({ command }) => command);
  if (commands.some(({ name }) => name === 'clone')) return commands;
  const value = create(CloneInstructionSchema);
  const clone = create(CommandSchema, { name: 'clone', instruction: { case: 'cloneInstruction', value } });
  const [first, ...others] = commands;
  const { image, ...properties } = first?.properties ?? {};
  if (first === undefined || image === undefined) return [clone, ...commands];
  return [{ ...clone, properties: { image } }, { ...first, properties }, ...others];
}

/** What the whole file and the world around it contribute to one task. */
interface Surroundings {
  /** Position among the tasks that are kept. */
  readonly index: number;
  readonly requiredIds: readonly number[];
  readonly uniqueLabels: readonly string[];
  /** Variables from outside the file. */
  readonly environment: Readonly<Record<string, string>>;
  /** Identity of the image that is built for the task. */
  readonly dockerfileHash: string | undefined;
  /** Whether to add what only the hosted service understood. */
  readonly declaredProperties: boolean;
}

function propertiesOf({ draft }: NumberedTask, surroundings: Surroundings): Record<string, string> {
  const { index, environment, dockerfileHash, declaredProperties } = surroundings;
  const sideBranch = (environment.CIRRUS_BRANCH ?? '') !== (environment.CIRRUS_DEFAULT_BRANCH ?? '');
  return {
    allow_failures: String(draft.allowFailures),
    timeout_in: String(draft.timeLimitSeconds),
    experimental: 'false',
    trigger_type: 'AUTOMATIC',
    indexWithinBuild: String(index),
    ...(sideBranch ? { auto_cancellation: 'true' } : {}),
    ...(draft.alias === '' ? {} : { alias: draft.alias }),
    ...(dockerfileHash === undefined ? {} : { dockerfile_hash: dockerfileHash }),
    ...(declaredProperties ? Object.fromEntries(draft.declared) : {}),
  };
}

/** The protocol's message for a task that is known to be right. */
export function assembleTask(task: NumberedTask, surroundings: Surroundings): Task {
  const { draft, id } = task;
  const message = create(TaskSchema, {
    localGroupId: BigInt(id),
    requiredGroups: surroundings.requiredIds.map(BigInt),
    name: draft.name,
    environment: Object.fromEntries(draft.scope.variables.own()),
    metadata: { uniqueLabels: [...surroundings.uniqueLabels], properties: propertiesOf(task, surroundings) },
    commands: commandsOf(task),
  });
  if (draft.skip) message.status = Status.SKIPPED;
  if (draft.instance !== undefined) message.instance = packInstance(draft.instance);
  return message;
}
