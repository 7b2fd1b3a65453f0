import { createRegistry, type JsonObject, type JsonValue, toJson } from '@bufbuild/protobuf';
import {
  DockerBuilderSchema,
  MacOSInstanceSchema,
  PipeInstanceSchema,
  PrebuiltImageInstanceSchema,
} from '../rpc/gen/cirrus_ci_instances_pb.ts';
import {
  ContainerInstanceSchema,
  PersistentWorkerInstanceSchema,
  type Task,
  TaskSchema,
} from '../rpc/gen/cirrus_ci_service_pb.ts';

/** The shortest decimal that stands for the same 32-bit number: `1.3`, not `1.2999999523162842`. */
function shortest(value: number): number {
  for (let digits = 1; digits <= 9; digits += 1) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return value;
}

/** `cpu` is the only 32-bit fraction of any instance; maps of users (labels, resources, variables) are left alone. */
const FREE_MAPS = ['labels', 'resources', 'environment', 'dockerArguments', 'arguments'];

function shortenFractions(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(shortenFractions);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, JsonValue] => {
    if (FREE_MAPS.includes(key)) return [key, inner];
    return [key, key === 'cpu' && typeof inner === 'number' ? shortest(inner) : shortenFractions(inner)];
  });
  return Object.fromEntries(entries);
}

/** The tasks as protocol-buffer JSON: camel case, defaults left out, 64-bit numbers as text. */
export function tasksToJson(tasks: readonly Task[]): JsonValue[] {
  const registry = createRegistry(
    PersistentWorkerInstanceSchema,
    ContainerInstanceSchema,
    MacOSInstanceSchema,
    PipeInstanceSchema,
    DockerBuilderSchema,
    PrebuiltImageInstanceSchema,
  );
  return tasks.map((task) => {
    const json = toJson(TaskSchema, task, { registry }) as JsonObject;
    return json.instance === undefined ? json : { ...json, instance: shortenFractions(json.instance) };
  });
}
