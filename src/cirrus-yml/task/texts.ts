import type { Node, TextNode } from '../yaml/node.ts';
import { type Reader, reader, reportKind } from './reader.ts';
import { TEXT, TEXTS } from './schemas.ts';
import type { Scope } from './scope.ts';

/** Replaces variables; reports a value that grows without bound. */
export function expandText(text: string, at: number, scope: Scope): string | undefined {
  const expanded = scope.variables.expand(text);
  if (expanded !== undefined) return expanded;
  scope.report.error(at, 'the variables in this value expand without end', 'let no variable mention itself');
  return undefined;
}

/** The text of a value as written. */
export const rawText: Reader<string> = reader(TEXT, (entry, scope) =>
  entry.value.kind === 'text' ? entry.value.text : reportKind(entry, 'text', scope),
);

/** Text with its variables replaced. */
export const text: Reader<string> = reader(TEXT, (entry, scope) => {
  const raw = rawText(entry, scope);
  return raw === undefined ? undefined : expandText(raw, entry.at, scope);
});

/** An item of a list value together with the place to complain at. */
export interface PlacedText {
  readonly text: string;
  readonly at: number;
}

/** An item that only becomes `[a, b]` through a variable stands for its parts. */
function splitExpanded(raw: string, expanded: string): string[] {
  const inner = raw === expanded ? undefined : /^\[(.*)\]$/s.exec(expanded)?.[1];
  return inner === undefined ? [expanded] : inner.split(',').map((part) => part.trim());
}

function isText(node: Node): node is TextNode {
  return node.kind === 'text';
}

/** Text or a list of texts, variables replaced, with the place of each. */
export const placedTexts: Reader<PlacedText[]> = reader(TEXTS, (entry, scope) => {
  const { value, at } = entry;
  if (value.kind === 'map') return reportKind(entry, 'text or a list of texts', scope);
  const items = value.kind === 'list' ? value.items : [value];
  if (!items.every(isText))
    return reportKind({ ...entry, value: items.find((item) => !isText(item)) ?? value }, 'a list of texts', scope);
  return items.flatMap((item) => {
    const place = value.kind === 'list' ? item.at : at;
    const expanded = expandText(item.text, place, scope);
    return expanded === undefined ? [] : splitExpanded(item.text, expanded).map((part) => ({ text: part, at: place }));
  });
});

/** Text or a list of texts, variables replaced. */
export const texts: Reader<string[]> = reader(TEXTS, (entry, scope) =>
  placedTexts(entry, scope)?.map((item) => item.text),
);
