import { CLOUD_INSTANCES, type SERVICE_FIELDS } from '../field-names.ts';
import { condition } from './condition-field.ts';
import { INSTANCE_READERS, INSTANCE_SCHEMAS } from './instance.ts';
import { type FieldReader, type FieldTable, field, fieldsOf, type Reader, reader, reportKind } from './reader.ts';
import { CONDITION, VARIABLES } from './schemas.ts';
import type { ConditionText, TaskDraft } from './task-draft.ts';
import { text, texts } from './texts.ts';
import { timeLimit } from './values.ts';
import { variableMap } from './variable-map.ts';

const task = fieldsOf<TaskDraft>();

const conditionText: Reader<ConditionText> = reader(CONDITION, (entry, scope) =>
  entry.value.kind === 'text' ? { node: entry.value, at: entry.at } : reportKind(entry, 'a condition', scope),
);

const variables: FieldReader<TaskDraft> = field(VARIABLES, (entry, scope) => {
  for (const [name, value] of variableMap(entry, scope) ?? []) scope.variables.set(name, value);
});

const skip: FieldReader<TaskDraft> = field(CONDITION, (entry, scope, draft) => {
  draft.skip = condition(entry, scope) ?? draft.skip;
  if (entry.value.kind === 'text') draft.skipText = { node: entry.value, at: entry.at };
});

/**
 * A property that only the hosted service understood. A mistake in it changes nothing here, so it is a warning; the
 * property is then left out.
 */
function declared<Value>(read: Reader<Value>, print: (value: Value) => string): FieldReader<TaskDraft> {
  return field(read.schema, (entry, scope, draft) => {
    const report = { ...scope.report, error: scope.report.warning };
    const value = read(entry, { ...scope, report });
    if (value !== undefined) draft.declared.set(entry.key, print(value));
  });
}

const TRIGGERS = ['automatic', 'manual'];

const triggerType: Reader<string> = reader({ enum: TRIGGERS }, (entry, scope) => {
  const written = text(entry, scope);
  if (written !== undefined && !TRIGGERS.includes(written.toLowerCase())) {
    scope.report.error(entry.at, `there is no trigger_type "${written}"`, `write ${TRIGGERS.join(' or ')}`);
  }
  return written;
});

const truth = declared(condition, String);
const oneText = declared(text, String);

const SERVICE: Readonly<Record<(typeof SERVICE_FIELDS)[number], FieldReader<TaskDraft>>> = {
  stateful: truth,
  trigger_type: declared(triggerType, String),
  execution_lock: oneText,
  required_pr_labels: declared(texts, (labels) => labels.join('\n')),
  auto_cancellation: truth,
  skip_notifications: truth,
  use_compute_credits: truth,
  experimental: truth,
};

function instanceFields(): [string, FieldReader<TaskDraft>][] {
  return [...INSTANCE_READERS].map(([name, read]) => [
    name,
    field(INSTANCE_SCHEMAS[name] ?? {}, (entry, scope, draft) => {
      draft.instance = read(entry, scope);
    }),
  ]);
}

const cloud: FieldReader<TaskDraft> = field({ type: 'object' }, (entry, _scope, draft) => {
  draft.cloud = entry;
});

/** Every inheritable field and what it does to a task. */
export const INHERITED: FieldTable<TaskDraft> = {
  environment: variables,
  env: variables,
  ...Object.fromEntries(instanceFields()),
  ...Object.fromEntries(CLOUD_INSTANCES.map((name) => [name, cloud])),
  skip,
  allow_failures: task('allowFailures', condition),
  timeout_in: task('timeLimitSeconds', timeLimit),
  ...SERVICE,
  only_if: task('onlyIf', conditionText),
};
