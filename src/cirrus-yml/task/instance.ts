import { create } from '@bufbuild/protobuf';
import { type PersistentWorkerInstance, PersistentWorkerInstanceSchema } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { FOREIGN_INSTANCES } from '../field-names.ts';
import type { Entry } from '../yaml/node.ts';
import { isolation } from './isolation.ts';
import { type FieldTable, fieldsOf, readFields, reportKind } from './reader.ts';
import type { Scope } from './scope.ts';
import { amounts } from './values.ts';
import { expandedMap } from './variable-map.ts';

/** Where a task runs: on a persistent worker, or somewhere that this product cannot offer. */
export type Instance =
  | { readonly tag: 'worker'; readonly message: PersistentWorkerInstance }
  | { readonly tag: 'foreign'; readonly field: string; readonly at: number };

const worker = fieldsOf<PersistentWorkerInstance & { os: string | undefined }>();

const WORKER: FieldTable<PersistentWorkerInstance & { os: string | undefined }> = {
  labels: worker('labels', expandedMap),
  resources: worker('resources', amounts),
  isolation: (entry, scope, target) => {
    const chosen = isolation(entry, scope);
    if (chosen?.message !== undefined) target.isolation = chosen.message;
    target.os = chosen?.os;
  },
};

function readWorker(entry: Entry, scope: Scope): Instance {
  const { key, value } = entry;
  const target = Object.assign(create(PersistentWorkerInstanceSchema), { os: undefined });
  if (value.kind === 'map') readFields(value, WORKER, `"${key}"`, scope, target);
  else if (value.kind === 'list' || value.text !== '') reportKind(entry, 'a map', scope);
  const { os, ...fields } = target;
  if (os !== undefined) scope.variables.set('CIRRUS_OS', os);
  else if (target.isolation === undefined) scope.variables.remove('CIRRUS_OS');
  return { tag: 'worker', message: create(PersistentWorkerInstanceSchema, fields) };
}

const OS_OF_FOREIGN: Readonly<Record<string, string>> = {
  container: 'linux',
  arm_container: 'linux',
  windows_container: 'windows',
  macos_instance: 'darwin',
};

function readForeign({ key, at }: Entry, scope: Scope): Instance {
  const os = OS_OF_FOREIGN[key];
  if (os !== undefined) scope.variables.set('CIRRUS_OS', os);
  return { tag: 'foreign', field: key, at };
}

type InstanceReader = (entry: Entry, scope: Scope) => Instance;

/** Reader of each instance field; reading also sets or removes `CIRRUS_OS`, as the reference does. */
export const INSTANCE_READERS: ReadonlyMap<string, InstanceReader> = new Map<string, InstanceReader>([
  ...FOREIGN_INSTANCES.map((name): [string, InstanceReader] => [name, readForeign]),
  ['persistent_worker', readWorker],
]);
