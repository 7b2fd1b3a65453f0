import { create } from '@bufbuild/protobuf';
import { DockerBuilderSchema } from '../../rpc/gen/cirrus_ci_instances_pb.ts';
import type { Instance } from './instance.ts';
import { type FieldTable, field } from './reader.ts';
import { TEXT } from './schemas.ts';
import type { TaskDraft } from './task-draft.ts';
import { text } from './texts.ts';
import { platform } from './values.ts';

export function createBuilderInstance(key: string, at: number): Instance {
  return { tag: 'builder', field: key, at, message: create(DockerBuilderSchema) };
}

/** Fields that only a `docker_builder` has. */
export const BUILDER: FieldTable<TaskDraft> = {
  platform: field(TEXT, (entry, scope, { instance }) => {
    const known = platform(entry, scope);
    if (known === undefined || instance?.tag !== 'builder') return;
    instance.message.platform = known;
    scope.variables.set('CIRRUS_OS', text(entry, scope) ?? '');
  }),
  os_version: field(TEXT, (entry, scope, { instance }) => {
    if (instance?.tag === 'builder') instance.message.osVersion = text(entry, scope) ?? '';
  }),
  use_static_ip: field({}, () => {}),
};
