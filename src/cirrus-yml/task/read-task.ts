import { FOREIGN_INSTANCES, INHERITABLE_FIELDS, REPEATABLE_FIELDS, SERVICE_FIELDS } from '../field-names.ts';
import { type Inherited, inheritFields } from '../inherit.ts';
import type { Entry, MapNode, TextNode } from '../yaml/node.ts';
import { condition } from './condition-field.ts';
import { INSTANCE_READERS, type Instance } from './instance.ts';
import {
  addAutomaticUploads,
  type CommandList,
  INSTRUCTION_KEYS,
  type PlacedCommand,
  readInstruction,
} from './instructions.ts';
import { type FieldTable, fieldsOf, lastOccurrences, type Reader, reportKind, reportUnknownKey } from './reader.ts';
import type { Scope } from './scope.ts';
import { type PlacedText, placedTexts, text } from './texts.ts';
import { timeLimit } from './values.ts';
import { variableMap } from './variable-map.ts';

const DEFAULT_TIME_LIMIT_SECONDS = 3600;

interface OnlyIf {
  readonly node: TextNode;
  readonly at: number;
}

/** A task with everything that can be known without looking at the others. */
export interface TaskDraft {
  /** Of its key. */
  readonly at: number;
  /** From the key, `lint` for `lint_task`. */
  readonly keyName: string;
  name: string;
  alias: string;
  readonly scope: Scope;
  instance: Instance | undefined;
  dependsOn: PlacedText[];
  skip: boolean;
  allowFailures: boolean;
  timeLimitSeconds: number;
  onlyIf: OnlyIf | undefined;
  commands: readonly PlacedCommand[];
}

const task = fieldsOf<TaskDraft>();

const nonEmptyTexts: Reader<PlacedText[]> = (entry, scope) =>
  placedTexts(entry, scope)?.filter((item) => {
    if (item.text === '') scope.report.error(item.at, `"${entry.key}" holds an empty name`, 'name a task or its alias');
    return item.text !== '';
  });

const onlyIf: Reader<OnlyIf> = (entry, scope) =>
  entry.value.kind === 'text' ? { node: entry.value, at: entry.at } : reportKind(entry, 'a condition', scope);

/** Fields that come from the task alone. */
const PLAIN: FieldTable<TaskDraft> = {
  name: task('name', text),
  alias: task('alias', text),
  depends_on: task('dependsOn', nonEmptyTexts),
};

/** Inheritable fields other than variables and instances. */
const INHERITED: FieldTable<TaskDraft> = {
  skip: task('skip', condition),
  allow_failures: task('allowFailures', condition),
  timeout_in: task('timeLimitSeconds', timeLimit),
  only_if: task('onlyIf', onlyIf),
};

function applyVariables(entry: Entry, { scope }: TaskDraft): void {
  for (const [name, value] of variableMap(entry, scope) ?? []) scope.variables.set(name, value);
}

function applyInherited(entry: Entry, draft: TaskDraft): void {
  if (entry.key === 'env' || entry.key === 'environment') applyVariables(entry, draft);
  else draft.instance = INSTANCE_READERS.get(entry.key)?.(entry, draft.scope) ?? draft.instance;
}

/**
 * Variables and instances are applied twice: first all of them in a fixed order, then once more those written in the
 * task itself, in its order. So the last instance of the task wins, and its `env` beats the `CIRRUS_OS` of an
 * instance above it (the reference's order, on which files rely).
 */
function readInherited(inherited: Inherited, body: MapNode, draft: TaskDraft): void {
  const own = new Set(body.entries.map(({ key }) => key).reverse()); // a repeated field counts where it stands last
  for (const name of [...INHERITABLE_FIELDS, ...[...own].reverse()]) {
    const entry = inherited.get(name);
    if (entry !== undefined) applyInherited(entry, draft);
  }
  for (const [name, read] of Object.entries(INHERITED)) {
    const entry = inherited.get(name);
    if (entry !== undefined) read(entry, draft.scope, draft);
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

function readPlain(body: MapNode, draft: TaskDraft): void {
  const { scope } = draft;
  const list: CommandList = { commands: [], uploadsByHand: false };
  for (const entry of lastOccurrences(body.entries, scope, [...REPEATABLE_FIELDS, ...INHERITABLE_FIELDS])) {
    const { key, at } = entry;
    if (INHERITABLE_FIELDS.includes(key)) continue;
    if (Object.hasOwn(PLAIN, key)) PLAIN[key]?.(entry, scope, draft);
    else if (SERVICE_FIELDS.some((name) => name === key)) {
      scope.report.warning(at, `"${key}" was a matter of the hosted service and changes nothing here`);
    } else if (!readInstruction(entry, list, scope)) {
      const foreign = new Set<string>(FOREIGN_INSTANCES);
      const inheritable = INHERITABLE_FIELDS.filter((name) => !foreign.has(name));
      reportUnknownKey(entry, 'a task', [...Object.keys(PLAIN), ...inheritable, ...INSTRUCTION_KEYS], scope);
    }
  }
  addAutomaticUploads(list);
  draft.commands = list.commands;
}

function checkInstance({ instance, at, name, scope }: TaskDraft): void {
  if (instance === undefined) {
    const hint = 'add persistent_worker: {} for any worker, with labels for a particular one';
    scope.report.error(at, `the task "${name}" does not say where to run`, hint);
  } else if (instance.tag === 'foreign') {
    const hint = 'use persistent_worker with labels or an isolation instead';
    scope.report.error(
      instance.at,
      `"${instance.field}" cannot run: this hub runs tasks on persistent workers only`,
      hint,
    );
  }
}

function checkNames({ commands, scope }: TaskDraft): void {
  const names = new Set<string>();
  for (const { command, at } of commands) {
    if (names.has(command.name)) {
      scope.report.error(at, `two instructions of this task are named "${command.name}"`, 'rename one of them');
    }
    names.add(command.name);
  }
}

/** Reads one task, its matrix expanded; `root` are the entries at the top of the file. */
export function readTask(
  { body, at, keyName }: { body: MapNode; at: number; keyName: string },
  root: readonly Entry[],
  scope: Scope,
): TaskDraft {
  const draft: TaskDraft = {
    at,
    keyName,
    name: '',
    alias: '',
    scope,
    instance: undefined,
    dependsOn: [],
    skip: false,
    allowFailures: false,
    timeLimitSeconds: DEFAULT_TIME_LIMIT_SECONDS,
    onlyIf: undefined,
    commands: [],
  };
  warnOfErasure(root, body, draft);
  readInherited(inheritFields(root, body), body, draft);
  readPlain(body, draft);
  if (draft.name === '') draft.name = keyName;
  checkInstance(draft);
  checkNames(draft);
  return draft;
}
