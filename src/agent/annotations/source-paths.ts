import { isAbsolute, relative, sep } from 'node:path';

/** Maps what reports call their files to files of the work tree. */
export type ResolvePath = (reported: string) => string;

const componentsOf = (path: string) => path.split(/[/\\]+/).filter((part) => part !== '' && part !== '.');

/** How many components two paths share, counted from their ends. */
function sharedEnd(left: readonly string[], right: readonly string[]): number {
  let shared = 0;
  while (shared < left.length && left.at(-1 - shared) !== undefined && left.at(-1 - shared) === right.at(-1 - shared)) {
    shared += 1;
  }
  return shared;
}

/**
 * Resolves reported paths against `files`, the paths of the work tree relative to `workingFolder`: absolute ones inside
 * become relative; one that names no file is replaced by the file with the longest common end, if there is exactly one
 * such; others stay as they are.
 */
export function pathResolver(files: readonly string[], workingFolder: string): ResolvePath {
  const all = new Set(files);
  const byName = Map.groupBy(files, (path) => componentsOf(path).at(-1) ?? '');
  return (reported) => {
    const inside = isAbsolute(reported) ? relative(workingFolder, reported) : reported.replace(/^(?:\.\/)+/, '');
    const path = inside.startsWith(`..${sep}`) ? reported : inside;
    if (all.has(path)) return path;
    const wanted = componentsOf(path);
    const candidates = (byName.get(wanted.at(-1) ?? '') ?? [])
      .map((candidate) => ({ candidate, shared: sharedEnd(componentsOf(candidate), wanted) }))
      .sort((left, right) => right.shared - left.shared);
    const [best, second] = candidates;
    return best !== undefined && best.shared > (second?.shared ?? 0) ? best.candidate : path;
  };
}
