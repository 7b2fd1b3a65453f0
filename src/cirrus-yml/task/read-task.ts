import {
  CLOUD_INSTANCES,
  IDLE_FIELDS,
  IGNORED_FIELDS,
  INHERITABLE_FIELDS,
  INHERITABLE_WITHOUT_INSTANCE,
  REPEATABLE_FIELDS,
  SERVICE_FIELDS,
} from '../field-names.ts';
import type { FoundTask } from '../find-tasks.ts';
import { type Inherited, inheritFields } from '../inherit.ts';
import type { Entry, MapNode } from '../yaml/node.ts';
import { BUILDER, createBuilderInstance } from './builder.ts';
import { INHERITED } from './inherited-fields.ts';
import { INSTANCE_READERS, type Instance } from './instance.ts';
import { addAutomaticUploads, INSTRUCTION_KEYS, instructionKind, readInstruction } from './instructions.ts';
import { createPipeInstance, PIPE } from './pipe.ts';
import { type FieldTable, fieldsOf, lastOccurrences, type Reader, reader, reportUnknownKey } from './reader.ts';
import { TEXTS } from './schemas.ts';
import type { Scope } from './scope.ts';
import { createDraft, type TaskDraft, type UnitKind } from './task-draft.ts';
import { type PlacedText, placedTexts, text } from './texts.ts';

const task = fieldsOf<TaskDraft>();

const nonEmptyTexts: Reader<PlacedText[]> = reader(TEXTS, (entry, scope) =>
  placedTexts(entry, scope)?.filter((item) => {
    if (item.text === '') scope.report.error(item.at, `"${entry.key}" holds an empty name`, 'name a task or its alias');
    return item.text !== '';
  }),
);

/** Fields that every unit has of its own. */
const PLAIN: FieldTable<TaskDraft> = {
  name: task('name', text),
  alias: task('alias', text),
  depends_on: task('dependsOn', nonEmptyTexts),
};

interface UnitRules {
  readonly inheritable: readonly string[];
  readonly plain: FieldTable<TaskDraft>;
  /** The instance that the kind itself is. */
  readonly instance: ((key: string, at: number) => Instance) | undefined;
}

/** What the three kinds of unit understand. */
export const UNITS: Readonly<Record<UnitKind, UnitRules>> = {
  task: { inheritable: INHERITABLE_FIELDS, plain: PLAIN, instance: undefined },
  pipe: { inheritable: INHERITABLE_WITHOUT_INSTANCE, plain: { ...PLAIN, ...PIPE }, instance: createPipeInstance },
  docker_builder: {
    inheritable: INHERITABLE_WITHOUT_INSTANCE,
    plain: { ...PLAIN, ...BUILDER },
    instance: createBuilderInstance,
  },
};

/**
 * Inheritable fields are applied twice: first all of them in a fixed order, then once more those written in the task
 * itself, in its order. So the last instance of the task wins, and its `env` beats the `CIRRUS_OS` of an instance
 * above it (the reference's order, on which files rely).
 */
function readInherited(inherited: Inherited, body: MapNode, draft: TaskDraft): void {
  const { inheritable } = UNITS[draft.kind];
  const own = new Set(body.entries.map(({ key }) => key).reverse()); // a repeated field counts where it stands last
  for (const name of [...inheritable, ...[...own].reverse()]) {
    const entry = inheritable.includes(name) ? inherited.get(name) : undefined;
    if (entry !== undefined) INHERITED[name]?.(entry, draft.scope, draft);
  }
  // A cloud's instance that only the root names loses against any instance that is understood.
  if (draft.cloud !== undefined && draft.instance !== undefined && !own.has(draft.cloud.key)) draft.cloud = undefined;
}

/** A task has one instance: of several that it names itself, the last one counts. */
function warnOfRivals(body: MapNode, { instance, scope }: TaskDraft): void {
  for (const { key, at } of body.entries) {
    if (instance === undefined || key === instance.field || !INSTANCE_READERS.has(key)) continue;
    scope.report.warning(at, `"${key}" is not used: "${instance.field}" takes its place`, 'keep one');
  }
}

/** An empty value is not an empty map: it wipes out what the root says, which is hardly ever meant. */
function warnOfErasure(root: readonly Entry[], body: MapNode, { scope }: TaskDraft): void {
  for (const { key, at, value } of body.entries) {
    const erases = key === 'persistent_worker' && value.kind === 'text' && value.text === '';
    if (!erases || !root.some((entry) => entry.key === key && entry.value.kind === 'map')) continue;
    scope.report.warning(at, `an empty "${key}" drops the labels of the root`, 'write {} to keep them');
  }
}

function isOneOf(names: readonly string[], key: string): boolean {
  return names.includes(key);
}

function knownKeys(kind: UnitKind): string[] {
  const { plain, inheritable } = UNITS[kind];
  const common = inheritable.filter((name) => !isOneOf([...CLOUD_INSTANCES, ...SERVICE_FIELDS], name));
  return [...Object.keys(plain), ...common, ...(kind === 'pipe' ? [] : INSTRUCTION_KEYS)];
}

function readPlain(body: MapNode, draft: TaskDraft): void {
  const { scope, kind, list } = draft;
  const { plain, inheritable } = UNITS[kind];
  for (const entry of lastOccurrences(body.entries, scope, [...REPEATABLE_FIELDS, ...inheritable])) {
    const { key, at } = entry;
    if (isOneOf(IDLE_FIELDS, key) || isOneOf(IGNORED_FIELDS, key)) {
      scope.report.warning(at, `"${key}" was a matter of the hosted service and changes nothing here`);
    } else if (inheritable.includes(key)) continue;
    else if (Object.hasOwn(plain, key)) plain[key]?.(entry, scope, draft);
    else if (kind === 'pipe' && instructionKind(key) !== undefined) {
      scope.report.warning(at, `"${key}" stands directly in a pipe and is not run`, 'move it into a step');
    } else if (kind === 'pipe' || !readInstruction(entry, list, scope)) {
      reportUnknownKey(entry, kind === 'task' ? 'a task' : `a ${kind}`, knownKeys(kind), scope, INSTRUCTION_KEYS);
    }
  }
  addAutomaticUploads(list);
}

function checkInstance({ instance, cloud, at, name, scope }: TaskDraft): void {
  if (instance === undefined && cloud === undefined) {
    const hint = 'add persistent_worker: {} for any worker, with labels for a particular one';
    scope.report.error(at, `the task "${name}" does not say where to run`, hint);
  }
  // Only the instance that counts is asked: the root's may lack what its tasks would add.
  const dockerfileAt = instance?.tag === 'worker' ? instance.dockerfileAt : undefined;
  if (dockerfileAt === undefined || scope.variables.lookup('CIRRUS_ARCH') !== '') return;
  const hint = 'add CIRRUS_ARCH: arm64 or CIRRUS_ARCH: amd64 to env';
  scope.report.error(dockerfileAt, 'a Dockerfile here needs the variable CIRRUS_ARCH', hint);
}

function checkNames({ list, scope }: TaskDraft): void {
  const names = new Set<string>();
  for (const { command, at } of list.commands) {
    if (names.has(command.name)) {
      scope.report.error(at, `two instructions of this task are named "${command.name}"`, 'rename one of them');
    }
    names.add(command.name);
  }
}

/** Reads one unit, its matrix expanded; `root` are the inheritable entries at the top of the file. */
export function readTask({ body, at, key, keyName, kind }: FoundTask, root: readonly Entry[], scope: Scope): TaskDraft {
  const draft = createDraft({ kind, at, keyName }, scope, UNITS[kind].instance?.(key, at));
  if (kind !== 'task') scope.variables.set('CIRRUS_OS', 'linux');
  warnOfErasure(root, body, draft);
  readInherited(inheritFields(root, body), body, draft);
  if (kind === 'task') warnOfRivals(body, draft);
  readPlain(body, draft);
  if (draft.name === '') draft.name = keyName;
  if (kind === 'pipe' && !body.entries.some((entry) => entry.key === 'steps')) {
    scope.report.error(at, `the pipe "${draft.name}" has no "steps"`, 'add a list of steps, each with an image');
  }
  checkInstance(draft);
  checkNames(draft);
  return draft;
}
