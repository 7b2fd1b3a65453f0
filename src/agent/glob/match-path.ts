import { matchesTokens } from './component.ts';
import { type Component, parsePattern } from './pattern.ts';

function fits(component: Component | undefined, name: string): boolean {
  if (component === undefined || component.tag === 'any-depth') return false;
  return component.tag === 'name' ? component.name === name : matchesTokens(component.tokens, name);
}

/** As with the stars of one name: after a mismatch, the newest `**` alone takes one more folder. */
function matchNames(components: readonly Component[], names: readonly string[]): boolean {
  let component = 0;
  let at = 0;
  let deep: { readonly component: number; at: number } | undefined;
  while (at < names.length) {
    if (fits(components[component], names[at] ?? '')) {
      component += 1;
      at += 1;
    } else if (components[component]?.tag === 'any-depth') {
      deep = { component, at };
      component += 1;
    } else if (deep !== undefined) {
      deep.at += 1;
      at = deep.at;
      component = deep.component + 1;
    } else return false;
  }
  return components.slice(component).every(({ tag }) => tag === 'any-depth');
}

/** Whether a path, which need not exist, is one that the pattern matches. Both are absolute. Throws `AppError` (CONFIG). */
export function matchesPattern(pattern: string, path: string): boolean {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  return parsePattern(pattern).some((components) => matchNames(components, names));
}
