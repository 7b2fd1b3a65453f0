/** What the code directory of a signature promises about the program. */
export interface CodeDirectory {
  readonly identifier: string;
  /** The program's bytes from its start that are hashed. */
  readonly codeLimit: number;
  readonly pageBytes: number;
  /** SHA-256 of each page, in order. */
  readonly pageHashes: readonly Uint8Array[];
}

/** Constants of xnu's <kern/cs_blobs.h>. Everything in a signature is big-endian. */
const MAGIC_EMBEDDED_SIGNATURE = 0xfade0cc0;
const MAGIC_CODE_DIRECTORY = 0xfade0c02;
const SLOT_CODE_DIRECTORY = 0;
const HASH_SHA256 = 2;
const HASH_BYTES = 32;
/** Fields up to `spare2`, which every version has. */
const DIRECTORY_BYTES = 44;

/** Where the code directory begins and ends within the signature. */
function findDirectory(view: DataView, fail: (what: string) => Error): DataView {
  if (view.byteLength < 12 || view.getUint32(0) !== MAGIC_EMBEDDED_SIGNATURE)
    throw fail('its code signature is garbled');
  const count = view.getUint32(8);
  for (let index = 0; index < count && 20 + index * 8 <= view.byteLength; index += 1) {
    if (view.getUint32(12 + index * 8) !== SLOT_CODE_DIRECTORY) continue;
    const offset = view.getUint32(16 + index * 8);
    const size = offset + DIRECTORY_BYTES <= view.byteLength ? view.getUint32(offset + 4) : 0;
    if (size < DIRECTORY_BYTES || offset + size > view.byteLength) throw fail('its code directory is cut off');
    return new DataView(view.buffer, view.byteOffset + offset, size);
  }
  throw fail('its code signature lists no code directory');
}

function textAt(bytes: Uint8Array, offset: number): string {
  const end = bytes.indexOf(0, offset);
  return new TextDecoder().decode(bytes.subarray(offset, end < 0 ? bytes.length : end));
}

/** Reads the signature blob of a Mach-O file. `fail` makes the error that is thrown when it cannot be what macOS takes. */
export function readSignature(signature: Uint8Array, fail: (what: string) => Error): CodeDirectory {
  const view = findDirectory(new DataView(signature.buffer, signature.byteOffset, signature.byteLength), fail);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  if (view.getUint32(0) !== MAGIC_CODE_DIRECTORY) throw fail('its code directory is garbled');
  if (view.getUint8(37) !== HASH_SHA256 || view.getUint8(36) !== HASH_BYTES) {
    throw fail('its pages are not hashed with SHA-256');
  }
  const hashOffset = view.getUint32(16);
  const count = view.getUint32(28);
  const codeLimit = view.getUint32(32);
  const pageBytes = 2 ** view.getUint8(39);
  if (count !== Math.ceil(codeLimit / pageBytes)) throw fail('its signature has a wrong number of page hashes');
  if (hashOffset + count * HASH_BYTES > bytes.length) throw fail('its page hashes are cut off');
  const pageHashes = Array.from({ length: count }, (_, page) =>
    bytes.subarray(hashOffset + page * HASH_BYTES, hashOffset + (page + 1) * HASH_BYTES),
  );
  return { identifier: textAt(bytes, view.getUint32(20)), codeLimit, pageBytes, pageHashes };
}
