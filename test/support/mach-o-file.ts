import { createHash } from 'node:crypto';

interface Parts {
  readonly cpu?: number;
  readonly fileType?: number;
  readonly platform?: number;
  /** Leaves the load command out that points at the signature. */
  readonly unsigned?: boolean;
  readonly hashType?: number;
  /** Bytes of the program before its signature. */
  readonly codeBytes?: number;
  /** What the signature claims to cover; default: all of it. */
  readonly codeLimit?: number;
}

const PAGE = 4096;
const IDENTIFIER = 'a.out\0';

function command(type: number, size: number, fill: (view: DataView) => void): Uint8Array {
  const view = new DataView(new ArrayBuffer(size));
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  fill(view);
  return new Uint8Array(view.buffer);
}

function signatureOf(code: Uint8Array, codeLimit: number, hashType: number): Uint8Array {
  const pages = Math.ceil(codeLimit / PAGE);
  const hashOffset = 44 + IDENTIFIER.length;
  const directoryBytes = hashOffset + pages * 32;
  const bytes = new Uint8Array(20 + directoryBytes);
  const view = new DataView(bytes.buffer);
  for (const [offset, value] of [
    [0, 0xfade0cc0],
    [4, bytes.length],
    [8, 1],
    [16, 20],
    [20, 0xfade0c02],
    [24, directoryBytes],
    [28, 0x20400],
    [36, hashOffset],
    [40, 44],
    [48, pages],
    [52, codeLimit],
  ] as const)
    view.setUint32(offset, value);
  bytes.set([32, hashType, 0, 12], 56);
  bytes.set(new TextEncoder().encode(IDENTIFIER), 20 + 44);
  for (let page = 0; page < pages; page += 1) {
    const content = code.subarray(page * PAGE, Math.min((page + 1) * PAGE, codeLimit));
    bytes.set(createHash('sha256').update(content).digest(), 20 + hashOffset + page * 32);
  }
  return bytes;
}

/** A macOS executable that is small but whole: header, segment, build version, signature with a hash for each page. */
export function machOFile(parts: Parts = {}): Uint8Array {
  const codeBytes = parts.codeBytes ?? 3 * PAGE + 100;
  const codeLimit = parts.codeLimit ?? codeBytes;
  const signatureBytes = 20 + 44 + IDENTIFIER.length + Math.ceil(codeLimit / PAGE) * 32;
  const commands = [
    command(0x19, 72, (view) => view.setBigUint64(48, BigInt(codeBytes + signatureBytes), true)),
    command(0x32, 24, (view) => {
      view.setUint32(8, parts.platform ?? 1, true);
      view.setUint32(12, (13 << 16) | (2 << 8), true);
    }),
  ];
  if (parts.unsigned !== true) {
    commands.push(
      command(0x1d, 16, (view) => {
        view.setUint32(8, codeBytes, true);
        view.setUint32(12, signatureBytes, true);
      }),
    );
  }
  const code = Uint8Array.from({ length: codeBytes }, (_, index) => (index * 7) % 251);
  const header = new DataView(code.buffer);
  const size = commands.reduce((sum, bytes) => sum + bytes.length, 0);
  for (const [index, value] of [0xfeedfacf, parts.cpu ?? 0x0100000c, 0, parts.fileType ?? 2].entries())
    header.setUint32(index * 4, value, true);
  header.setUint32(16, commands.length, true);
  header.setUint32(20, size, true);
  code.set(Buffer.concat(commands), 32);
  return Buffer.concat([code, signatureOf(code, codeLimit, parts.hashType ?? 2)]);
}
