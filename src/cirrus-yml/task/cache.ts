import { create } from '@bufbuild/protobuf';
import { type CacheInstruction, CacheInstructionSchema } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import type { Entry, MapNode } from '../yaml/node.ts';
import { condition } from './condition-field.ts';
import { type FieldTable, fieldsOf, type Reader, reader, readFields } from './reader.ts';
import { objectSchema, TEXT, TEXTS } from './schemas.ts';
import type { Scope } from './scope.ts';
import { scriptLines } from './scripts.ts';
import { text, texts } from './texts.ts';

/** An instruction that may carry its own name. */
export interface Named<Instruction> {
  name: string;
  instruction: Instruction;
}

type CacheFields = CacheInstruction & { name: string };

const cache = fieldsOf<CacheFields>();

/** The agent resolves `$HOME`, not the tilde. */
function homeFolder(folder: string): string {
  return folder.trim().replace(/^~\//, '$HOME/');
}

const folder: Reader<string[]> = reader(TEXT, (entry, scope) => {
  const path = text(entry, scope);
  return path === undefined ? undefined : [homeFolder(path)];
});

const folders: Reader<string[]> = reader(TEXTS, (entry, scope) => texts(entry, scope)?.map(homeFolder));

const CACHE: FieldTable<CacheFields> = {
  name: cache('name', text),
  folder: cache('folders', folder),
  folders: cache('folders', folders),
  fingerprint_script: cache('fingerprintScripts', scriptLines),
  fingerprint_key: cache('fingerprintKey', text),
  populate_script: cache('populateScripts', scriptLines),
  reupload_on_changes: cache('reuploadOnChanges', condition),
  optimistically_restore_on_miss: cache('optimisticallyRestoreOnMiss', condition),
};

export const CACHE_SCHEMA = objectSchema(CACHE);

function has(map: MapNode, key: string): boolean {
  return map.entries.some((entry) => entry.key === key);
}

/** Reads a cache; without a fingerprint it is uploaded whenever its folders change. */
export function readCache({ at, key }: Entry, map: MapNode, name: string, scope: Scope): Named<CacheInstruction> {
  const fields = Object.assign(create(CacheInstructionSchema), { name });
  readFields(map, CACHE, `"${key}"`, scope, fields);
  if (has(map, 'folder') === has(map, 'folders')) {
    const problem = has(map, 'folder') ? 'both "folder" and "folders"' : 'neither "folder" nor "folders"';
    scope.report.error(at, `the cache "${fields.name}" has ${problem}`, 'write one of them');
  }
  if (has(map, 'fingerprint_script') && has(map, 'fingerprint_key')) {
    const problem = 'both "fingerprint_script" and "fingerprint_key"';
    scope.report.error(at, `the cache "${fields.name}" has ${problem}`, 'write one of them');
  }
  const { name: finalName, ...instruction } = fields;
  if (!has(map, 'reupload_on_changes')) {
    instruction.reuploadOnChanges = !has(map, 'fingerprint_script') && !has(map, 'fingerprint_key');
  }
  return { name: finalName, instruction: create(CacheInstructionSchema, instruction) };
}
