import type { SourceFiles } from '../../src/cirrus-yml/dockerfile/hash-dockerfile.ts';

/** Files that exist in memory only; folders come from their paths. */
export function memoryFiles(contents: Readonly<Record<string, string>>): SourceFiles {
  return {
    read(path) {
      const text = Object.hasOwn(contents, path) ? contents[path] : undefined;
      if (text !== undefined) return { tag: 'file', bytes: new TextEncoder().encode(text) };
      const below = Object.keys(contents).filter((name) => path === '' || name.startsWith(`${path}/`));
      const names = below.map((name) => name.slice(path === '' ? 0 : path.length + 1).split('/')[0] ?? '');
      return below.length === 0 ? undefined : { tag: 'folder', names: [...new Set(names)] };
    },
  };
}
