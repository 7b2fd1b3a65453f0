import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { isAbsolute, relative, resolve } from 'node:path';
import type { SourceFiles } from '../../cirrus-yml/dockerfile/hash-dockerfile.ts';
import { errnoOf } from '../../platform/files.ts';

const MAX_FILE_BYTES = 16 * 1024 * 1024;

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split('/')[0] !== '..';
}

/**
 * Files below a folder, for a configuration that stands in it. What lies outside, links included, what is larger than
 * 16 MiB and what is neither a file nor a folder counts as not there.
 */
export function folderFiles(folder: string): SourceFiles {
  return {
    read(path) {
      try {
        const root = realpathSync(folder);
        const real = realpathSync(resolve(root, path));
        const stat = isInside(root, real) ? statSync(real) : undefined;
        if (stat?.isDirectory()) return { tag: 'folder', names: readdirSync(real) };
        if (stat?.isFile() && stat.size <= MAX_FILE_BYTES) return { tag: 'file', bytes: readFileSync(real) };
        return undefined;
      } catch (error) {
        if (errnoOf(error) === undefined) throw error;
        return undefined; // the parser says which file is missing, and where it is named
      }
    },
  };
}
