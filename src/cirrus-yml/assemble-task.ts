import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import {
  CloneInstructionSchema,
  type Command,
  CommandSchema,
  PersistentWorkerInstanceSchema,
  Status,
  type Task,
  TaskSchema,
} from '../rpc/gen/cirrus_ci_service_pb.ts';
import type { NumberedTask } from './dependencies.ts';
import { compareBytes } from './variables.ts';

const ENCRYPTED = /^ENCRYPTED\[.*\]$/s;

function labelsOf({ draft }: NumberedTask): string[] {
  const shown = [...draft.scope.variables.own()].filter(([, value]) => !ENCRYPTED.test(value));
  return shown.map(([name, value]) => `${name}:${value}`);
}

/**
 * What tells tasks of the same name apart: variables that not all of them share, sorted. Tasks whose name is unique
 * are not in the result.
 */
export function findUniqueLabels(tasks: readonly NumberedTask[]): ReadonlyMap<number, readonly string[]> {
  const result = new Map<number, readonly string[]>();
  for (const namesakes of Map.groupBy(tasks, ({ draft }) => draft.name).values()) {
    if (namesakes.length < 2) continue;
    const labelled = namesakes.map((task) => ({ id: task.id, labels: labelsOf(task) }));
    const counts = new Map<string, number>();
    for (const label of labelled.flatMap(({ labels }) => labels)) counts.set(label, (counts.get(label) ?? 0) + 1);
    for (const { id, labels } of labelled) {
      result.set(id, labels.filter((label) => (counts.get(label) ?? 0) < namesakes.length).sort(compareBytes));
    }
  }
  return result;
}

function commandsOf({ draft }: NumberedTask): Command[] {
  const commands = draft.commands.map(({ command }) => command);
  if (commands.some(({ name }) => name === 'clone')) return commands;
  const value = create(CloneInstructionSchema);
  return [create(CommandSchema, { name: 'clone', instruction: { case: 'cloneInstruction', value } }), ...commands];
}

/** What the whole file and the world around it contribute to one task. */
interface Surroundings {
  /** Position among the tasks that are kept. */
  readonly index: number;
  readonly requiredIds: readonly number[];
  readonly uniqueLabels: readonly string[];
  /** Variables from outside the file. */
  readonly environment: Readonly<Record<string, string>>;
}

function propertiesOf({ draft }: NumberedTask, { index, environment }: Surroundings): Record<string, string> {
  const sideBranch = (environment.CIRRUS_BRANCH ?? '') !== (environment.CIRRUS_DEFAULT_BRANCH ?? '');
  return {
    allow_failures: String(draft.allowFailures),
    timeout_in: String(draft.timeLimitSeconds),
    experimental: 'false',
    trigger_type: 'AUTOMATIC',
    indexWithinBuild: String(index),
    ...(sideBranch ? { auto_cancellation: 'true' } : {}),
    ...(draft.alias === '' ? {} : { alias: draft.alias }),
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
  if (draft.instance?.tag === 'worker') {
    message.instance = anyPack(PersistentWorkerInstanceSchema, draft.instance.message);
  }
  return message;
}
