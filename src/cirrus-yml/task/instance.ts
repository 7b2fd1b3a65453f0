import { create } from '@bufbuild/protobuf';
import { type Any, anyPack } from '@bufbuild/protobuf/wkt';
import { assertNever } from '../../lib/assert-never.ts';
import {
  type DockerBuilder,
  DockerBuilderSchema,
  type MacOSInstance,
  MacOSInstanceSchema,
  type PipeInstance,
  PipeInstanceSchema,
} from '../../rpc/gen/cirrus_ci_instances_pb.ts';
import {
  ContainerInstanceSchema,
  type PersistentWorkerInstance,
  PersistentWorkerInstanceSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { CLOUD_INSTANCES } from '../field-names.ts';
import type { Entry } from '../yaml/node.ts';
import { checkWorker } from './check-worker.ts';
import { CONTAINER_SCHEMAS, type ContainerDraft, readContainer, readMacos } from './container.ts';
import { ISOLATION_SCHEMA, isolation } from './isolation.ts';
import { type FieldTable, field, fieldsOf, readFields, reportKind } from './reader.ts';
import { type JsonSchema, objectSchema } from './schemas.ts';
import type { Scope } from './scope.ts';
import { amounts } from './values.ts';
import { expandedMap } from './variable-map.ts';

/** Where a task runs. Only a persistent worker is something that this product can offer. */
export type Instance = { readonly field: string; readonly at: number } & (
  | { readonly tag: 'worker'; readonly message: PersistentWorkerInstance; readonly dockerfileAt: number | undefined }
  | { readonly tag: 'container'; readonly message: ContainerDraft }
  | { readonly tag: 'macos'; readonly message: MacOSInstance }
  | { readonly tag: 'pipe'; readonly message: PipeInstance }
  | { readonly tag: 'builder'; readonly message: DockerBuilder }
);

interface WorkerDraft extends PersistentWorkerInstance {
  os: string | undefined;
  dockerfileAt: number | undefined;
}

const worker = fieldsOf<WorkerDraft>();

const WORKER: FieldTable<WorkerDraft> = {
  labels: worker('labels', expandedMap),
  resources: worker('resources', amounts),
  isolation: field(ISOLATION_SCHEMA, (entry, scope, target) => {
    const chosen = isolation(entry, scope);
    if (chosen?.message !== undefined) target.isolation = chosen.message;
    target.os = chosen?.os;
    target.dockerfileAt = chosen?.dockerfileAt;
  }),
};

function readWorker(entry: Entry, scope: Scope): Instance {
  const { key, at, value } = entry;
  const draft: WorkerDraft = Object.assign(create(PersistentWorkerInstanceSchema), {
    os: undefined,
    dockerfileAt: undefined,
  });
  if (value.kind === 'map') readFields(value, WORKER, `"${key}"`, scope, draft);
  else if (value.kind === 'list' || value.text !== '') reportKind(entry, 'a map', scope);
  const { os, dockerfileAt, ...fields } = draft;
  if (os !== undefined) scope.variables.set('CIRRUS_OS', os);
  else if (draft.isolation === undefined) scope.variables.remove('CIRRUS_OS');
  const message = create(PersistentWorkerInstanceSchema, fields);
  checkWorker(entry, message, scope);
  return { tag: 'worker', field: key, at, message, dockerfileAt };
}

/** Reads a container of any system and says which one it is. */
function containerReader(os: string): InstanceReader {
  return (entry, scope) => {
    scope.variables.set('CIRRUS_OS', os);
    return { tag: 'container', field: entry.key, at: entry.at, message: readContainer(entry, scope) };
  };
}

type InstanceReader = (entry: Entry, scope: Scope) => Instance;

/** Reader of each instance field; reading also sets or removes `CIRRUS_OS`, as the reference does. */
export const INSTANCE_READERS: ReadonlyMap<string, InstanceReader> = new Map<string, InstanceReader>([
  ['container', containerReader('linux')],
  ['arm_container', containerReader('linux')],
  ['windows_container', containerReader('windows')],
  [
    'macos_instance',
    (entry, scope) => {
      scope.variables.set('CIRRUS_OS', 'darwin');
      return { tag: 'macos', field: entry.key, at: entry.at, message: readMacos(entry, scope) };
    },
  ],
  ['persistent_worker', readWorker],
]);

/** Schema of each instance field. Those of clouds are known by name only. */
export const INSTANCE_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  persistent_worker: { anyOf: [objectSchema(WORKER), { type: 'null' }] },
  ...CONTAINER_SCHEMAS,
  ...Object.fromEntries(CLOUD_INSTANCES.map((name) => [name, { type: 'object' }])),
};

/** The instance as it stands in the message of a task. */
export function packInstance(instance: Instance): Any {
  switch (instance.tag) {
    case 'worker':
      return anyPack(PersistentWorkerInstanceSchema, instance.message);
    case 'container':
      return anyPack(ContainerInstanceSchema, instance.message);
    case 'macos':
      return anyPack(MacOSInstanceSchema, instance.message);
    case 'pipe':
      return anyPack(PipeInstanceSchema, instance.message);
    case 'builder':
      return anyPack(DockerBuilderSchema, instance.message);
    default:
      return assertNever(instance);
  }
}

/** Labels that tell tasks of the same name apart by where they run; workers have none. */
export function instanceLabels(instance: Instance): string[] {
  if (instance.tag === 'pipe') return ['pipe'];
  if (instance.tag !== 'container') return [];
  const { image, dockerfile, dockerArguments, osVersion, additionalContainers } = instance.message;
  const main =
    dockerfile === ''
      ? [`container:${image}`, `os:${osVersion}`]
      : [`Dockerfile:${dockerfile}`, ...Object.entries(dockerArguments).map(([name, value]) => `${name}:${value}`)];
  const others = additionalContainers.map((other) => `${other.name}:${other.image}`);
  return [...main, ...others].filter((label) => !label.endsWith(':'));
}
