import { createHash } from 'node:crypto';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { Amounts } from '../../lib/amounts.ts';
import {
  type Command,
  type Isolation,
  IsolationSchema,
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

const sorted = (map: Readonly<Record<string, unknown>>) => Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));

/** Names an isolation, so that equal ones (absent fields being their defaults) have equal names; empty for none. */
export function isolationKey(isolation: Isolation | undefined): string {
  if (isolation === undefined || isolation.type.case === 'none' || isolation.type.case === undefined) return '';
  return Buffer.from(toBinary(IsolationSchema, isolation, { writeUnknownFields: false })).toString('base64');
}

/** Names what a task wants of a worker: tasks that want the same wait in one queue. */
export function classOf({ labels, resources, isolation }: Placement): string {
  const text = JSON.stringify([sorted(labels), sorted(resources), isolationKey(isolation)]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}
