import { create } from '@bufbuild/protobuf';
import {
  BackgroundScriptInstructionSchema,
  Command_CommandExecutionBehavior as Behaviour,
  type Command,
  CommandSchema,
  ScriptInstructionSchema,
  UploadCacheInstructionSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { asMap, type Entry, type MapNode } from '../yaml/node.ts';
import { CACHE_SCHEMA, readCache } from './cache.ts';
import { ARTIFACTS_SCHEMA, FILE_SCHEMA, readArtifacts, readFile } from './files.ts';
import { lastOccurrences, reportKind, reportUnknownKey } from './reader.ts';
import { type JsonSchema, SCRIPT, TEXTS } from './schemas.ts';
import type { Scope } from './scope.ts';
import { scriptLines } from './scripts.ts';
import { placedTexts } from './texts.ts';

/** A command with the place where it was written. */
export interface PlacedCommand {
  readonly command: Command;
  readonly at: number;
}

/** The commands of a task while they are collected. */
export interface CommandList {
  readonly commands: PlacedCommand[];
  /** Set by any `upload_caches`: then no cache is uploaded by itself. */
  uploadsByHand: boolean;
  /** The steps of a pipe know no background scripts: there `x_background_script` is a script `x_background`. */
  readonly inPipe: boolean;
}

type Instruction = Command['instruction'];
type MapReader = (entry: Entry, map: MapNode, name: string, scope: Scope) => { name: string; instruction: Instruction };
type InstructionReader = (
  entry: Entry,
  name: string,
  scope: Scope,
) => { name: string; instruction: Instruction } | undefined;

interface InstructionKind {
  readonly suffix: string;
  readonly defaultName: string;
  readonly read: InstructionReader;
  readonly schema: JsonSchema;
}

function fromMap(read: MapReader): InstructionReader {
  return (entry, name, scope) => {
    const { value } = entry;
    const map = asMap(value);
    if (map !== undefined) return read(entry, map, name, scope);
    const suffix = instructionKind(entry.key);
    const hint = entry.key === suffix ? undefined : `a key that ends in "${suffix}" is an instruction of this kind`;
    return reportKind(entry, 'a map', scope, hint);
  };
}

const readScript: InstructionReader = (entry, name, scope) => {
  const scripts = scriptLines(entry, scope) ?? [];
  return { name, instruction: { case: 'scriptInstruction', value: create(ScriptInstructionSchema, { scripts }) } };
};

const readBackgroundScript: InstructionReader = (entry, name, scope) => {
  const value = create(BackgroundScriptInstructionSchema, { scripts: scriptLines(entry, scope) ?? [] });
  return { name, instruction: { case: 'backgroundScriptInstruction', value } };
};

const cacheReader: MapReader = (...input) => {
  const { name, instruction: value } = readCache(...input);
  return { name, instruction: { case: 'cacheInstruction', value } };
};

const artifactsReader: MapReader = (...input) => {
  const { name, instruction: value } = readArtifacts(...input);
  return { name, instruction: { case: 'artifactsInstruction', value } };
};

const fileReader: MapReader = (...input) => {
  const { name, instruction: value } = readFile(...input);
  return { name, instruction: { case: 'fileInstruction', value } };
};

/** A key belongs to the first suffix that fits, so the longer ones come first. */
const KINDS: readonly InstructionKind[] = [
  { suffix: 'background_script', defaultName: 'main', read: readBackgroundScript, schema: SCRIPT },
  { suffix: 'script', defaultName: 'main', read: readScript, schema: SCRIPT },
  { suffix: 'cache', defaultName: 'main', read: fromMap(cacheReader), schema: CACHE_SCHEMA },
  { suffix: 'artifacts', defaultName: 'binary', read: fromMap(artifactsReader), schema: ARTIFACTS_SCHEMA },
  { suffix: 'file', defaultName: 'file', read: fromMap(fileReader), schema: FILE_SCHEMA },
];

const BEHAVIOURS: Readonly<Record<string, Behaviour>> = {
  always: Behaviour.ALWAYS,
  on_success: Behaviour.ON_SUCCESS,
  on_failure: Behaviour.ON_FAILURE,
  on_timeout: Behaviour.ON_TIMEOUT,
};

/** What may stand in a task besides its own fields; for the suggestions to a key that nobody knows. */
export const INSTRUCTION_KEYS: readonly string[] = [
  ...KINDS.map(({ suffix }) => suffix),
  'upload_caches',
  ...Object.keys(BEHAVIOURS),
];

const BLOCK_SCHEMA: JsonSchema = {
  type: 'object',
  properties: { upload_caches: TEXTS, matrix: {} },
  patternProperties: Object.fromEntries(KINDS.map(({ suffix, schema }) => [`${suffix}$`, schema])),
  additionalProperties: false,
};

/** Schema of the keys that are instructions; goes into the schema of whatever holds some. */
export const INSTRUCTION_SCHEMA: JsonSchema = {
  patternProperties: {
    ...Object.fromEntries(KINDS.map(({ suffix, schema }) => [`${suffix}$`, schema])),
    '^upload_caches$': TEXTS,
    [`^(?:${Object.keys(BEHAVIOURS).join('|')})$`]: BLOCK_SCHEMA,
  },
};

/** Which instruction a key is, by its suffix; undefined for what is none. */
export function instructionKind(key: string): string | undefined {
  return KINDS.find(({ suffix }) => key.endsWith(suffix))?.suffix;
}

/** `lint_script` with suffix `script` is named `lint`; `script` alone takes the default. */
export function nameFromKey(key: string, suffix: string, defaultName: string): string {
  return key === suffix ? defaultName : key.slice(0, -suffix.length).replace(/_$/, '');
}

function uploadOf(cacheName: string, behaviour: Behaviour): Command {
  const value = create(UploadCacheInstructionSchema, { cacheName });
  const name = `Upload '${cacheName}' cache`;
  return create(CommandSchema, {
    name,
    executionBehaviour: behaviour,
    instruction: { case: 'uploadCacheInstruction', value },
  });
}

function readUploads(entry: Entry, list: CommandList, behaviour: Behaviour, scope: Scope): void {
  list.uploadsByHand = true;
  for (const { text, at } of placedTexts(entry, scope) ?? []) {
    const cache = list.commands.find(({ command }) => command.name === text);
    const command = uploadOf(text, behaviour);
    if (cache?.command.instruction.case !== 'cacheInstruction') {
      scope.report.error(at, `there is no cache "${text}" before this upload`, 'name a cache that stands above');
    } else if (list.commands.some((other) => other.command.name === command.name)) {
      scope.report.error(at, `the cache "${text}" is uploaded twice`, 'name each cache once');
    } else {
      list.commands.push({ command, at });
    }
  }
}

function readBlock(entry: Entry, list: CommandList, behaviour: Behaviour, scope: Scope): void {
  const map = asMap(entry.value);
  if (map === undefined) {
    reportKind(entry, 'a map of instructions', scope);
    return;
  }
  for (const inner of lastOccurrences(map.entries, scope, ['upload_caches'])) {
    if (Object.hasOwn(BEHAVIOURS, inner.key)) {
      scope.report.error(inner.at, `"${inner.key}" cannot stand inside "${entry.key}"`, 'move it up into the task');
    } else if (!readInstruction(inner, list, scope, behaviour)) {
      reportUnknownKey(inner, `"${entry.key}"`, INSTRUCTION_KEYS, scope, INSTRUCTION_KEYS);
    }
  }
}

/** Reads one key of a task or block into the list; false when the key is no instruction. */
export function readInstruction(
  entry: Entry,
  list: CommandList,
  scope: Scope,
  behaviour: Behaviour = Behaviour.ON_SUCCESS,
): boolean {
  const { key, at } = entry;
  const block = Object.hasOwn(BEHAVIOURS, key) ? BEHAVIOURS[key] : undefined;
  const kinds = list.inPipe ? KINDS.slice(1) : KINDS;
  const kind = kinds.find(({ suffix }) => key.endsWith(suffix));
  if (block !== undefined) readBlock(entry, list, block, scope);
  else if (key === 'upload_caches') readUploads(entry, list, behaviour, scope);
  else if (kind === undefined) return false;
  else {
    const result = kind.read(entry, nameFromKey(key, kind.suffix, kind.defaultName), scope);
    if (result !== undefined)
      list.commands.push({ command: create(CommandSchema, { ...result, executionBehaviour: behaviour }), at });
  }
  return true;
}

/** Appends an upload for each cache unless the task says itself what to upload. */
export function addAutomaticUploads(list: CommandList): void {
  if (list.uploadsByHand) return;
  for (const { command, at } of [...list.commands]) {
    if (command.instruction.case !== 'cacheInstruction') continue;
    list.commands.push({ command: uploadOf(command.name, command.executionBehaviour), at });
  }
}
