import { bytesOfName } from '../../../lib/raw-name.ts';
import { paxRecord } from '../../../lib/tar-fields.ts';
import { TAR_BLOCK_BYTES, tarPadding } from '../../../lib/tar-format.ts';
import { type ArchiveEntry, storedBytes } from './entry.ts';
import { encodeSparseMap } from './sparse-map.ts';

const TYPE_FLAG = { file: 0x30, hardlink: 0x31, symlink: 0x32, folder: 0x35 } as const;

/** Largest numbers that the octal fields hold; pax records carry larger ones. */
const MAX_OCTAL_SIZE = 0o77777777777;
const MAX_OCTAL_ID = 0o7777777;

const NO_BYTES = new Uint8Array();

function octal(block: Buffer, value: number, digits: number, at: number): void {
  block.write(value.toString(8).padStart(digits, '0'), at, 'latin1');
}

interface Fields {
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modifiedS: number;
  readonly flag: number;
}

function fill(block: Buffer, fields: Fields): void {
  block.set(fields.name.subarray(0, 100), 0);
  octal(block, fields.mode, 7, 100);
  octal(block, Math.min(fields.uid, MAX_OCTAL_ID), 7, 108);
  octal(block, Math.min(fields.gid, MAX_OCTAL_ID), 7, 116);
  octal(block, Math.min(fields.sizeBytes, MAX_OCTAL_SIZE), 11, 124);
  octal(block, Math.min(Math.max(0, Math.floor(fields.modifiedS)), MAX_OCTAL_SIZE), 11, 136);
  block[156] = fields.flag;
  block.set(fields.linkName.subarray(0, 100), 157);
  block.set([0x75, 0x73, 0x74, 0x61, 0x72, 0, 0x30, 0x30], 257); // "ustar", version "00"
  let sum = 8 * 0x20;
  for (let at = 0; at < TAR_BLOCK_BYTES; at += 1) sum += block[at] ?? 0;
  octal(block, sum, 6, 148);
  block[155] = 0x20;
}

/** What does not fit into the fields of a header: long names, big numbers, fractions of seconds, holes. */
function recordsOf(entry: ArchiveEntry, name: Uint8Array, linkName: Uint8Array): Buffer[] {
  const { modifiedS, uid, gid, runs, sizeBytes } = entry;
  const records: Buffer[] = [];
  if (runs !== undefined) {
    const known = { major: '1', minor: '0', name, realsize: String(sizeBytes) };
    for (const [key, value] of Object.entries(known)) records.push(paxRecord(`GNU.sparse.${key}`, value));
  } else if (name.length > 100) {
    records.push(paxRecord('path', name));
  }
  if (linkName.length > 100) records.push(paxRecord('linkpath', linkName));
  if (!Number.isInteger(modifiedS) || modifiedS < 0) records.push(paxRecord('mtime', modifiedS.toFixed(7)));
  if (uid > MAX_OCTAL_ID) records.push(paxRecord('uid', String(uid)));
  if (gid > MAX_OCTAL_ID) records.push(paxRecord('gid', String(gid)));
  return records;
}

function paxBlocks(body: Buffer): Buffer {
  const blocks = Buffer.alloc(TAR_BLOCK_BYTES + body.length + tarPadding(body.length));
  const name = Buffer.from('pax-header');
  const rest = { linkName: NO_BYTES, mode: 0o644, uid: 0, gid: 0, modifiedS: 0, flag: 0x78 };
  fill(blocks.subarray(0, TAR_BLOCK_BYTES), { name, sizeBytes: body.length, ...rest });
  blocks.set(body, TAR_BLOCK_BYTES);
  return blocks;
}

/**
 * The blocks before the content of an entry: a ustar header, after a pax header where something does not fit into it,
 * and the map of a file with holes (GNU's format 1.0). Any tar of the last twenty years reads them.
 */
export function encodeHeader(entry: ArchiveEntry): Buffer {
  const name = bytesOfName(entry.kind === 'folder' ? `${entry.path}/` : entry.path);
  const linkName = entry.linkTarget === '' ? NO_BYTES : bytesOfName(entry.linkTarget);
  const records = recordsOf(entry, name, linkName);
  const map = entry.runs === undefined ? NO_BYTES : encodeSparseMap(entry.runs);
  const sizeBytes = storedBytes(entry) + map.length;
  if (sizeBytes > MAX_OCTAL_SIZE) records.push(paxRecord('size', String(sizeBytes)));
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  const { mode, uid, gid, modifiedS } = entry;
  fill(header, { name, linkName, mode, uid, gid, sizeBytes, modifiedS, flag: TYPE_FLAG[entry.kind] });
  if (records.length === 0 && map.length === 0) return header;
  return Buffer.concat([records.length === 0 ? NO_BYTES : paxBlocks(Buffer.concat(records)), header, map]);
}
