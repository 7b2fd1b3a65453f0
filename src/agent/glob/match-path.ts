import { type Component, parsePattern } from './pattern.ts';

function matchNames(components: readonly Component[], names: readonly string[]): boolean {
  const [component, ...rest] = components;
  if (component === undefined) return names.length === 0;
  if (component.tag === 'any-depth') {
    return matchNames(rest, []) || names.some((_, index) => matchNames(rest, names.slice(index)));
  }
  const [name, ...others] = names;
  if (name === undefined) return false;
  const fits = component.tag === 'name' ? component.name === name : component.expression.test(name);
  return fits && matchNames(rest, others);
}

/** Whether a path, which need not exist, is one that the pattern matches. Both are absolute. Throws `AppError` (CONFIG). */
export function matchesPattern(pattern: string, path: string): boolean {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  return parsePattern(pattern).some((components) => matchNames(components, names));
}
