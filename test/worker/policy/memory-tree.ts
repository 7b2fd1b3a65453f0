import type { RealPath } from '../../../src/platform/real-path.ts';

/** A file system of directories and symbolic links, by absolute path; a link holds its target. */
export type Tree = ReadonlyMap<string, { readonly link: string } | 'directory'>;

export function treeOf(entries: Readonly<Record<string, string>>): Tree {
  return new Map(Object.entries(entries).map(([path, link]) => [path, link === '' ? 'directory' : { link }] as const));
}

const MAX_LINKS = 40;

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Follows a path part by part, as a kernel does: written apart from the code under test, which asks the real one. */
export function followIn(tree: Tree, { foldsCase = false } = {}): (path: string) => Promise<RealPath> {
  const same = (name: string) => (foldsCase ? name.toLowerCase() : name);
  const find = (folder: string, name: string) => {
    const wanted = same(`${folder}/${name}`);
    const found = [...tree.keys()].find((key) => same(key) === wanted);
    return found === undefined ? undefined : { path: found, entry: tree.get(found) };
  };
  return async (path) => {
    const stepsOf = (text: string, ofLink: boolean) =>
      text
        .split('/')
        .filter((part) => part !== '' && part !== '.')
        .map((part) => ({ part, ofLink }));
    const todo = stepsOf(path, false);
    let at = '';
    const missing: string[] = [];
    for (let links = 0; todo.length > 0; ) {
      const { part = '', ofLink = false } = todo.shift() ?? {};
      if (missing.length > 0) {
        if (part === '..') throw errno('ENOENT');
        missing.push(part);
      } else if (part === '..') {
        at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      } else {
        const found = find(at, part);
        if (found === undefined && ofLink) throw errno('ENOENT');
        else if (found === undefined) missing.push(part);
        else if (found.entry === 'directory') at = found.path;
        else {
          links += 1;
          if (links > MAX_LINKS) throw errno('ELOOP');
          const target = found.entry?.link ?? '';
          if (target.startsWith('/')) at = '';
          todo.unshift(...stepsOf(target, true));
        }
      }
    }
    return { path: `${at}${missing.map((part) => `/${part}`).join('')}` || '/', missing: missing.length, foldsCase };
  };
}
