import { parse } from 'yaml';

function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function at(value: unknown, key: string): unknown {
  return entriesOf(value).find(([name]) => name === key)?.[1];
}

/** What a valid file says, but may not mean: sentences for its owner. `text` has been parsed as a worker's file. */
export function remarksOn(text: string): string[] {
  const isolations = at(at(parse(text, { merge: true }), 'security'), 'allowed-isolations');
  return entriesOf(isolations).flatMap(([kind, rules]) => {
    const key = `security.allowed-isolations.${kind}`;
    if (rules === null) return [`${key} has no value, so ${kind} is denied; write "${kind}: {}" to allow it`];
    const images = at(rules, 'allowed-images');
    return Array.isArray(images) && images.length === 0
      ? [`${key}.allowed-images is empty, so any image is allowed`]
      : [];
  });
}
