import { create } from '@bufbuild/protobuf';
import {
  type ArtifactsInstruction,
  ArtifactsInstructionSchema,
  type FileInstruction,
  FileInstructionSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Entry, MapNode } from '../yaml/node.ts';
import type { Named } from './cache.ts';
import { type FieldTable, fieldsOf, type Reader, reader, readFields } from './reader.ts';
import { objectSchema, TEXT } from './schemas.ts';
import type { Scope } from './scope.ts';
import { rawText, text, texts } from './texts.ts';

type FileFields = FileInstruction & { name: string };

const file = fieldsOf<FileFields>();

const fromVariable: Reader<FileInstruction['source']> = reader(TEXT, (entry, scope) => {
  const name = rawText(entry, scope);
  return name === undefined ? undefined : { case: 'fromEnvironmentVariable', value: name.replace(/^\$/, '') };
});

const fromContents: Reader<FileInstruction['source']> = reader(TEXT, (entry, scope) => {
  const value = text(entry, scope);
  return value === undefined ? undefined : { case: 'fromContents', value };
});

const FILE: FieldTable<FileFields> = {
  name: file('name', text),
  path: file('destinationPath', text),
  variable_name: file('source', fromVariable),
  from_contents: file('source', fromContents),
};

export const FILE_SCHEMA = objectSchema(FILE);

/** Reads a file instruction: where to write, and a variable or a text to write there. */
export function readFile({ at, key }: Entry, map: MapNode, name: string, scope: Scope): Named<FileInstruction> {
  const fields = Object.assign(create(FileInstructionSchema), { name });
  readFields(map, FILE, `"${key}"`, scope, fields);
  const keys = map.entries.map((entry) => entry.key);
  if (!keys.includes('path')) scope.report.error(at, `"${key}" has no "path"`, 'add path: FILE, relative or absolute');
  if (!keys.includes('variable_name') && !keys.includes('from_contents')) {
    scope.report.error(at, `"${key}" does not say what to write`, 'add variable_name: VARIABLE or from_contents: TEXT');
  }
  const { name: finalName, ...instruction } = fields;
  return { name: finalName, instruction: create(FileInstructionSchema, instruction) };
}

type ArtifactFields = ArtifactsInstruction & { name: string };

const artifacts = fieldsOf<ArtifactFields>();

const onePath: Reader<string[]> = reader(TEXT, (entry, scope) => {
  const path = text(entry, scope);
  return path === undefined ? undefined : [path];
});

const ARTIFACTS: FieldTable<ArtifactFields> = {
  name: artifacts('name', text),
  path: artifacts('paths', onePath),
  paths: artifacts('paths', texts),
  type: artifacts('type', text),
  format: artifacts('format', text),
};

export const ARTIFACTS_SCHEMA = objectSchema(ARTIFACTS);

/** Reads an artifacts instruction: which files to keep. */
export function readArtifacts(
  { at, key }: Entry,
  map: MapNode,
  name: string,
  scope: Scope,
): Named<ArtifactsInstruction> {
  const fields = Object.assign(create(ArtifactsInstructionSchema), { name });
  readFields(map, ARTIFACTS, `"${key}"`, scope, fields);
  if (!map.entries.some((entry) => entry.key === 'path' || entry.key === 'paths')) {
    scope.report.warning(at, `"${key}" names no path, so nothing is kept`, 'add path: PATTERN');
  }
  const { name: finalName, ...instruction } = fields;
  return { name: finalName, instruction: create(ArtifactsInstructionSchema, instruction) };
}
