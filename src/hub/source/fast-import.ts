import type { TarEntry } from '../../lib/tar-reader.ts';

const encoder = new TextEncoder();
const NEWLINE = encoder.encode('\n');

/** A path in the quoted form of git-fast-import(1): always quoted, so that no name needs a special case. */
export function quotePath(path: string): string {
  const escaped = path.replace(/[\p{Cc}"\\]/gu, (character) => {
    if (character === '"' || character === '\\') return `\\${character}`;
    const code = character.charCodeAt(0); // the control characters beyond ASCII need no quoting
    return code < 0x80 ? `\\${code.toString(8).padStart(3, '0')}` : character;
  });
  return `"${escaped}"`;
}

function* inline(mode: string, path: string, sizeBytes: number): Generator<Uint8Array> {
  yield encoder.encode(`M ${mode} inline ${quotePath(path)}\ndata ${sizeBytes}\n`);
}

/**
 * Input for `git fast-import --done` that makes `ref` a commit of exactly these entries. Folders without files are
 * left out, as git does. The commit itself is always the same for the same entries: only its tree is used.
 */
export async function* fastImportOf(ref: string, entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  yield encoder.encode(
    `feature done\ncommit ${ref}\ncommitter pwagent <pwagent@localhost> 1 +0000\ndata 0\ndeleteall\n`,
  );
  for await (const entry of entries) {
    if (entry.type === 'folder') continue;
    if (entry.type === 'symlink') {
      const target = encoder.encode(entry.linkTarget);
      yield* inline('120000', entry.path, target.length);
      yield target;
    } else {
      yield* inline(entry.executable ? '100755' : '100644', entry.path, entry.sizeBytes);
      yield* entry.content;
    }
    yield NEWLINE;
  }
  yield encoder.encode('done\n');
}
