import { createHash } from 'node:crypto';
import { AppError } from '../lib/errors.ts';
import { readSignature } from './mach-o-signature.ts';

/** What the header of a checked macOS executable says. */
export interface DarwinExecutable {
  readonly arch: 'arm64';
  /** Oldest macOS that it starts on, such as `13.0`. */
  readonly minos: string;
  /** Name in the signature; Bun leaves `a.out`. */
  readonly identifier: string;
  /** Pages whose hash was compared: all of them. */
  readonly pages: number;
}

/** Constants of <mach-o/loader.h> and <mach/machine.h>. */
const MH_MAGIC_64 = 0xfeedfacf;
const CPU_TYPE_ARM64 = 0x0100000c;
const MH_EXECUTE = 2;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const LC_BUILD_VERSION = 0x32;
const PLATFORM_MACOS = 1;
const HEADER_BYTES = 32;

function wrong(what: string): AppError {
  return new AppError('CONFIG', `not a macOS executable that would start: ${what}`, {
    hint: 'build it again with `bun build.ts --target darwin-arm64`',
  });
}

interface LoadCommand {
  readonly type: number;
  /** The command's own bytes, its 8-byte head included. */
  readonly body: DataView;
}

function loadCommands(file: DataView): LoadCommand[] {
  const found: LoadCommand[] = [];
  const count = file.getUint32(16, true);
  const end = HEADER_BYTES + file.getUint32(20, true);
  let offset = HEADER_BYTES;
  for (let index = 0; index < count; index += 1) {
    const size = offset + 8 <= Math.min(end, file.byteLength) ? file.getUint32(offset + 4, true) : 0;
    if (size < 8 || offset + size > Math.min(end, file.byteLength)) throw wrong('its load commands are cut off');
    const body = new DataView(file.buffer, file.byteOffset + offset, size);
    found.push({ type: file.getUint32(offset, true), body });
    offset += size;
  }
  return found;
}

function checkHeader(file: DataView): void {
  if (file.byteLength < HEADER_BYTES || file.getUint32(0, true) !== MH_MAGIC_64) {
    throw wrong('the file is no 64-bit Mach-O');
  }
  if (file.getUint32(4, true) !== CPU_TYPE_ARM64) throw wrong('it is not made for arm64');
  if (file.getUint32(12, true) !== MH_EXECUTE) throw wrong('it is a library or an object file');
}

/** `minos` of LC_BUILD_VERSION holds 16 bits for the major and 8 for the minor version. */
function minosOf(commands: readonly LoadCommand[]): string {
  const build = commands.find(({ type }) => type === LC_BUILD_VERSION)?.body;
  if (build === undefined || build.byteLength < 16) throw wrong('it does not say which macOS it is for');
  if (build.getUint32(8, true) !== PLATFORM_MACOS) throw wrong('it is made for another Apple system');
  const packed = build.getUint32(12, true);
  return `${packed >>> 16}.${(packed >>> 8) & 0xff}`;
}

/** Bytes from `offset` that LC_CODE_SIGNATURE names; the kernel wants them at the end of __LINKEDIT. */
function signatureRange(commands: readonly LoadCommand[], fileBytes: number): { offset: number; size: number } {
  const command = commands.find(({ type }) => type === LC_CODE_SIGNATURE)?.body;
  if (command === undefined || command.byteLength < 16) throw wrong('it has no code signature');
  const range = { offset: command.getUint32(8, true), size: command.getUint32(12, true) };
  if (range.offset + range.size > fileBytes) throw wrong('its code signature is cut off');
  const covered = commands.some(({ type, body }) => {
    if (type !== LC_SEGMENT_64 || body.byteLength < 56) return false;
    const start = Number(body.getBigUint64(40, true));
    return start <= range.offset && range.offset + range.size <= start + Number(body.getBigUint64(48, true));
  });
  if (!covered) throw wrong('its code signature lies outside its segments');
  return range;
}

/**
 * Checks what macOS on Apple silicon checks before it lets a program run: 64-bit Mach-O for arm64, a code signature,
 * and the SHA-256 of every page. Throws an `AppError` (CONFIG) that names the first thing that is wrong; such a file
 * would be killed at its start.
 */
export function checkDarwinExecutable(bytes: Uint8Array): DarwinExecutable {
  const file = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  checkHeader(file);
  const commands = loadCommands(file);
  const minos = minosOf(commands);
  const { offset, size } = signatureRange(commands, bytes.byteLength);
  const signature = readSignature(bytes.subarray(offset, offset + size), wrong);
  if (signature.codeLimit !== offset) throw wrong('its signature does not cover the whole program');
  for (const [page, expected] of signature.pageHashes.entries()) {
    const start = page * signature.pageBytes;
    const content = bytes.subarray(start, Math.min(start + signature.pageBytes, signature.codeLimit));
    if (!createHash('sha256').update(content).digest().equals(expected)) {
      throw wrong(`page ${page} of ${signature.pageHashes.length} differs from its signature`);
    }
  }
  return { arch: 'arm64', minos, identifier: signature.identifier, pages: signature.pageHashes.length };
}
