import { INHERITED } from './task/inherited-fields.ts';
import { INSTRUCTION_SCHEMA } from './task/instructions.ts';
import { UNITS } from './task/read-task.ts';
import { type JsonSchema, objectSchema } from './task/schemas.ts';
import type { UnitKind } from './task/task-draft.ts';

const KINDS: readonly UnitKind[] = ['task', 'pipe', 'docker_builder'];

function inheritedFields(names: readonly string[]): Record<string, { readonly schema: JsonSchema }> {
  return Object.fromEntries(names.map((name) => [name, INHERITED[name] ?? { schema: {} }]));
}

function unitSchema(kind: UnitKind): JsonSchema {
  const { plain, inheritable } = UNITS[kind];
  const instructions = kind === 'pipe' ? { required: ['steps'] } : INSTRUCTION_SCHEMA;
  return objectSchema({ ...plain, ...inheritedFields(inheritable) }, instructions);
}

/** JSON Schema (draft 7) of the language, made from the tables that the parser itself reads by. */
export function configurationSchema(): JsonSchema {
  const defaults = Object.entries(inheritedFields(UNITS.task.inheritable)).map(([name, { schema }]) => [name, schema]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Tasks of a .cirrus.yml',
    type: ['object', 'null'],
    properties: Object.fromEntries(defaults),
    patternProperties: Object.fromEntries(KINDS.map((kind) => [`${kind}$`, unitSchema(kind)])),
    additionalProperties: true,
  };
}
