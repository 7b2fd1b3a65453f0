const MAX_PATH_BYTES = 1_024;
const MAX_COMPONENT_BYTES = 255;

/** Marks that make a name read as another one: right-to-left overrides and isolates (Unicode Technical Report 36). */
const MISLEADING = /[\u202a-\u202e\u2066-\u2069\u200e\u200f]/u;

const bytes = (text: string) => Buffer.byteLength(text, 'utf8');

/** Why a file may not be an artifact under that path, in words that follow it; undefined when it may. */
export function artifactPathProblem(path: string): string | undefined {
  if (path === '') return 'is empty';
  if (bytes(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  if (/\p{Cc}|\p{Cs}/u.test(path)) return 'has a control character in it';
  if (MISLEADING.test(path)) return 'has a character in it that changes how the rest is read';
  if (path.includes('\\')) return 'has a backslash in it';
  if (path.startsWith('/') || /^[A-Za-z]:/.test(path)) return 'is not relative';
  for (const component of path.split('/')) {
    if (component === '') return 'has an empty part';
    if (component === '.' || component === '..') return `has the part "${component}"`;
    if (bytes(component) > MAX_COMPONENT_BYTES) return `has a part longer than ${MAX_COMPONENT_BYTES} bytes`;
  }
  return undefined;
}

/** The same for the name of a group of artifacts, which is that of the instruction. */
export function artifactNameProblem(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (bytes(name) > MAX_COMPONENT_BYTES) return `is longer than ${MAX_COMPONENT_BYTES} bytes`;
  return /\p{Cc}|\p{Cs}/u.test(name) ? 'has a control character in it' : undefined;
}

/** Names that Windows keeps for devices, whatever extension follows. */
const DEVICE = /^(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)/i;

/** The last part of a path as a name that a file may have on any system. */
export function downloadName(path: string): string {
  const last = path.split('/').at(-1) ?? '';
  const plain = last.replace(/[\p{C}<>:"/\\|?*]/gu, '_').replace(/[. ]+$/, '_');
  const safe = DEVICE.test(plain) || plain.startsWith('.') ? `_${plain}` : plain;
  return safe === '' ? '_' : safe;
}

/** `Content-Disposition` of a download (RFC 6266): kept as a file, never shown in the page's own name. */
export function attachment(fileName: string): string {
  const plain = fileName.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(fileName).replace(
    /['()*!]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}
