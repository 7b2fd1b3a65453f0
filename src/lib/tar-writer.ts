import { paxRecord } from './tar-fields.ts';
import { TAR_BLOCK_BYTES, type TarHeader, tarPadding } from './tar-format.ts';

const TYPE_FLAG = { file: '0', symlink: '2', folder: '5' } as const;
const encoder = new TextEncoder();

/** Largest size that eleven octal digits hold; a pax record carries anything larger. */
const MAX_OCTAL_SIZE = 0o77777777777;

interface RawHeader {
  readonly name: Uint8Array;
  readonly linkName: Uint8Array;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly modifiedS: number;
  readonly typeFlag: string;
}

function block(raw: RawHeader): Uint8Array {
  const bytes = new Uint8Array(TAR_BLOCK_BYTES);
  const text = (value: string, at: number) => bytes.set(encoder.encode(value), at);
  const octal = (value: number, digits: number, at: number) => text(value.toString(8).padStart(digits, '0'), at);
  bytes.set(raw.name.subarray(0, 100), 0);
  octal(raw.mode, 7, 100);
  octal(0, 7, 108);
  octal(0, 7, 116);
  octal(raw.sizeBytes, 11, 124);
  octal(Math.max(0, raw.modifiedS), 11, 136);
  text('        ', 148);
  text(raw.typeFlag, 156);
  bytes.set(raw.linkName.subarray(0, 100), 157);
  text('ustar\x0000', 257);
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    6,
    148,
  );
  bytes.set([0, 0x20], 154);
  return bytes;
}

function paxBlocks(body: Uint8Array, modifiedS: number): Uint8Array[] {
  const header = block({
    name: encoder.encode('pax-header'),
    linkName: new Uint8Array(),
    mode: 0o644,
    sizeBytes: body.length,
    modifiedS,
    typeFlag: 'x',
  });
  return [header, body, new Uint8Array(tarPadding(body.length))];
}

/**
 * The header blocks of one entry, content not included: a ustar header, with a pax header before it when a name, a
 * link target or the size does not fit. The same entry always gives the same bytes: owner and group are left out.
 */
export function tarHeaderBytes(entry: TarHeader): Uint8Array {
  const name = encoder.encode(entry.type === 'folder' ? `${entry.path}/` : entry.path);
  const linkName = encoder.encode(entry.linkTarget);
  const records = Buffer.concat([
    ...(name.length > 100 ? [paxRecord('path', entry.path)] : []),
    ...(linkName.length > 100 ? [paxRecord('linkpath', entry.linkTarget)] : []),
    ...(entry.sizeBytes > MAX_OCTAL_SIZE ? [paxRecord('size', String(entry.sizeBytes))] : []),
  ]);
  const header = block({
    name,
    linkName,
    mode: entry.type === 'folder' || entry.executable ? 0o755 : entry.type === 'symlink' ? 0o777 : 0o644,
    sizeBytes: Math.min(entry.sizeBytes, MAX_OCTAL_SIZE),
    modifiedS: entry.modifiedS,
    typeFlag: TYPE_FLAG[entry.type],
  });
  const parts = [...(records.length === 0 ? [] : paxBlocks(records, entry.modifiedS)), header];
  return new Uint8Array(Buffer.concat(parts));
}

/** The two empty blocks that end an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * TAR_BLOCK_BYTES);
}
