/**
 * File names are bytes, mostly UTF-8. Here they are text in which every byte that is not part of valid UTF-8 stands as
 * a lone surrogate U+DC80 to U+DCFF (as Python's "surrogateescape" does), so that each name survives a round trip.
 */

const FIRST_ESCAPE = 0xdc00;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Length of the UTF-8 sequence that begins with this byte; 1 for bytes that begin none. */
function sequenceLength(lead: number): number {
  if (lead >= 0xf0 && lead < 0xf8) return 4;
  if (lead >= 0xe0 && lead < 0xf0) return 3;
  return lead >= 0xc0 && lead < 0xe0 ? 2 : 1;
}

function tryDecode(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes);
  } catch {
    return undefined; // not UTF-8: the caller escapes it
  }
}

/** The name that these bytes are. */
export function nameOfBytes(bytes: Uint8Array): string {
  const whole = tryDecode(bytes);
  if (whole !== undefined) return whole;
  let name = '';
  for (let at = 0; at < bytes.length; ) {
    const lead = bytes[at] ?? 0;
    const length = sequenceLength(lead);
    const text = tryDecode(bytes.subarray(at, at + length));
    name += text ?? String.fromCharCode(FIRST_ESCAPE + lead);
    at += text === undefined ? 1 : length;
  }
  return name;
}

function isEscape(code: number): boolean {
  return code >= FIRST_ESCAPE + 0x80 && code <= FIRST_ESCAPE + 0xff;
}

/** The bytes of a name. */
export function bytesOfName(name: string): Buffer {
  if (name.isWellFormed()) return Buffer.from(name);
  const parts = [...name].map((char) => {
    const code = char.codePointAt(0) ?? 0;
    return isEscape(code) ? Buffer.from([code - FIRST_ESCAPE]) : Buffer.from(char);
  });
  return Buffer.concat(parts);
}

/** A path as the functions of `node:fs` take it: text where they would encode it rightly, else bytes. */
export function systemPath(path: string): string | Buffer {
  return path.isWellFormed() ? path : bytesOfName(path);
}
