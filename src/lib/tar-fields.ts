import { AppError } from './errors.ts';

/** An archive that is not what the tar format allows. */
export function brokenTar(what: string): AppError {
  return new AppError('CONFIG', `the archive ${what}`, { hint: 'send a complete tar file' });
}

/** The bytes of a text field, up to its first zero byte. */
export function textField(field: Uint8Array): Uint8Array {
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

/**
 * The number in bytes `from` to `to` of a header block: octal digits, or GNU's binary form for large numbers (first bit
 * set). Throws `AppError`.
 */
export function numberField(block: Uint8Array, from: number, to: number): number {
  if (((block[from] ?? 0) & 0x80) !== 0) {
    return block.subarray(from + 1, to).reduce((sum, byte) => sum * 256 + byte, 0);
  }
  let value = 0;
  let digits = 0;
  for (let at = from; at < to; at += 1) {
    const byte = block[at] ?? 0;
    if (byte >= 0x30 && byte <= 0x37) {
      value = value * 8 + byte - 0x30;
      digits += 1;
    } else if (byte === 0 || (byte === 0x20 && digits > 0)) {
      return value;
    } else if (byte !== 0x20) {
      throw brokenTar('has a broken header');
    }
  }
  return value;
}

/** Throws `AppError` unless the sum of a header block is the one that it names. */
export function verifyCheckSum(block: Uint8Array): void {
  let sum = 8 * 0x20; // the field of the sum itself counts as blanks
  for (let at = 0; at < 148; at += 1) sum += block[at] ?? 0;
  for (let at = 156; at < 512; at += 1) sum += block[at] ?? 0;
  if (sum !== numberField(block, 148, 156)) throw brokenTar('has a broken header');
}

/** The records of a pax header, in their order, since GNU's oldest sparse format repeats keys. Throws `AppError`. */
export function paxRecords(body: Uint8Array): (readonly [key: string, value: Uint8Array])[] {
  const records: (readonly [string, Uint8Array])[] = [];
  for (let at = 0; at < body.length; ) {
    const space = body.indexOf(0x20, at);
    const length = Number(Buffer.from(body.subarray(at, Math.max(at, space))).toString('latin1'));
    if (!Number.isInteger(length) || length < 5 || at + length > body.length)
      throw brokenTar('has a broken pax header');
    const record = body.subarray(space + 1, at + length - 1);
    const equals = record.indexOf(0x3d);
    if (equals < 0) throw brokenTar('has a broken pax header');
    records.push([Buffer.from(record.subarray(0, equals)).toString('latin1'), record.subarray(equals + 1)]);
    at += length;
  }
  return records;
}

/** `<length> key=value\n`, in which the length counts itself. */
export function paxRecord(key: string, value: string | Uint8Array): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  const restBytes = key.length + bytes.length + 3;
  let length = restBytes + String(restBytes).length;
  if (restBytes + String(length).length > length) length += 1;
  const record = Buffer.allocUnsafe(length);
  const at = record.write(`${length} ${key}=`, 'latin1');
  record.set(bytes, at);
  record[length - 1] = 0x0a;
  return record;
}
