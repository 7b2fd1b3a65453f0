import { createRegistry, type JsonValue, toJson } from '@bufbuild/protobuf';
import { PersistentWorkerInstanceSchema, type Task, TaskSchema } from '../rpc/gen/cirrus_ci_service_pb.ts';

/** The tasks as protocol-buffer JSON: camel case, defaults left out, 64-bit numbers as text. */
export function tasksToJson(tasks: readonly Task[]): JsonValue[] {
  const registry = createRegistry(PersistentWorkerInstanceSchema);
  return tasks.map((task) => toJson(TaskSchema, task, { registry }));
}
