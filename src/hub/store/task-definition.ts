import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Amounts } from '../../lib/amounts.ts';
import {
  type Command,
  type Isolation,
  PersistentWorkerInstanceSchema,
  type Task,
  TaskSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';

/** Where and how a task wants to run. */
export interface Placement {
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
  readonly isolation: Isolation | undefined;
}

export function encodeTask(task: Task): Uint8Array {
  return toBinary(TaskSchema, task);
}

export function decodeTask(bytes: Uint8Array): Task {
  return fromBinary(TaskSchema, bytes);
}

/** Labels, resources and isolation of a task for persistent workers; any worker will do for another kind of instance. */
export function placementOf(task: Task): Placement {
  const instance = task.instance === undefined ? undefined : anyUnpack(task.instance, PersistentWorkerInstanceSchema);
  return {
    labels: instance?.labels ?? {},
    resources: instance?.resources ?? {},
    isolation: instance?.isolation,
  };
}

/** `clone`, `script`, `background_script`, … as people write it in the configuration. */
export function kindOf({ instruction }: Command): string {
  const name = (instruction.case ?? 'unknown').replace(/Instruction$/, '');
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Seconds until the agent ends the task; the parser always sets the property (specification, section 9.1). */
export function timeoutSecondsOf(task: Task): number {
  const seconds = Number(task.metadata?.properties.timeout_in ?? '');
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : 3600;
}

export function allowsFailures(task: Task): boolean {
  return task.metadata?.properties.allow_failures === 'true';
}
