import { create } from '@bufbuild/protobuf';
import { type PipeInstance, PipeInstanceSchema } from '../../rpc/gen/cirrus_ci_instances_pb.ts';
import type { MapNode } from '../yaml/node.ts';
import type { Instance } from './instance.ts';
import { INSTRUCTION_KEYS, INSTRUCTION_SCHEMA, readInstruction } from './instructions.ts';
import {
  type FieldTable,
  field,
  fieldsOf,
  lastOccurrences,
  readFields,
  reportKind,
  reportUnknownKey,
} from './reader.ts';
import { objectSchema, TEXT } from './schemas.ts';
import type { Scope } from './scope.ts';
import type { TaskDraft } from './task-draft.ts';
import { text } from './texts.ts';
import { amount, memory } from './values.ts';

const DEFAULT_CPU = 2;
const DEFAULT_MEMORY_MB = 4096;

export function createPipeInstance(key: string, at: number): Instance {
  const message = create(PipeInstanceSchema, { cpu: DEFAULT_CPU, memory: DEFAULT_MEMORY_MB });
  return { tag: 'pipe', field: key, at, message };
}

const pipe = fieldsOf<PipeInstance>();

const RESOURCES: FieldTable<PipeInstance> = {
  cpu: pipe('cpu', amount),
  memory: pipe('memory', memory),
};

/** A step's instructions join the list; the image goes with the first of them. */
function readStep(map: MapNode, draft: TaskDraft, scope: Scope): void {
  const { commands } = draft.list;
  const before = commands.length;
  let image: string | undefined;
  for (const entry of lastOccurrences(map.entries, scope, INSTRUCTION_KEYS)) {
    if (entry.key === 'image') image = text(entry, scope);
    else if (!readInstruction(entry, draft.list, scope)) {
      reportUnknownKey(entry, 'a step', ['image', ...INSTRUCTION_KEYS], scope, INSTRUCTION_KEYS);
    }
  }
  if (!map.entries.some(({ key }) => key === 'image')) {
    scope.report.error(map.at, 'the step has no "image"', 'add image: NAME');
  }
  const first = commands[before]?.command;
  if (first === undefined) scope.report.error(map.at, 'the step has no instruction', 'add a script');
  else if (image !== undefined) first.properties.image = image;
}

const STEP_SCHEMA = objectSchema({ image: { schema: TEXT } }, { ...INSTRUCTION_SCHEMA, required: ['image'] });

/** Fields that only a pipe has. */
export const PIPE: FieldTable<TaskDraft> = {
  resources: field(objectSchema(RESOURCES), (entry, scope, { instance }) => {
    if (instance?.tag !== 'pipe') return;
    if (entry.value.kind !== 'map') return reportKind(entry, 'a map', scope);
    readFields(entry.value, RESOURCES, '"resources"', scope, instance.message);
    instance.message.cpu ||= DEFAULT_CPU;
    instance.message.memory ||= DEFAULT_MEMORY_MB;
  }),
  steps: field({ type: 'array', items: STEP_SCHEMA }, (entry, scope, draft) => {
    if (entry.value.kind !== 'list') return reportKind(entry, 'a list of steps', scope);
    for (const item of entry.value.items) {
      if (item.kind === 'map') readStep(item, draft, scope);
      else scope.report.error(item.at, 'a step must be a map', 'write image: NAME and a script');
    }
  }),
};
