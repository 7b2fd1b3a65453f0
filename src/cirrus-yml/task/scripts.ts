import { describeNode, type Entry, type Node, type TextNode } from '../yaml/node.ts';
import { type Reader, reader, reportKind } from './reader.ts';
import { SCRIPT } from './schemas.ts';
import type { Scope } from './scope.ts';

/** PowerShell takes its script as base64 of UTF-16, little-endian. */
function encodePowerShell(script: string): string {
  const encoded = Buffer.from(script, 'utf16le').toString('base64');
  return `powershell.exe -OutputFormat Text -NoLogo -EncodedCommand ${encoded}`;
}

/** An item that YAML took for a map: `ps: …` on purpose, anything else because its colon is not quoted. */
function linesOfPair({ key, value }: { key: string; value: TextNode }): string[] {
  return key === 'ps' ? [encodePowerShell(value.text)] : [`${key}: ${value.text}`];
}

function linesOfItem(item: Node, entry: Entry, scope: Scope): string[] {
  if (item.kind === 'text') return item.text.split('\n');
  const pairs = item.kind === 'map' ? item.entries : [];
  const texts = pairs.flatMap(({ key, value }) => (value.kind === 'text' ? [{ key, value }] : []));
  if (item.kind === 'map' && texts.length === pairs.length) return texts.flatMap(linesOfPair);
  const hint = 'put the line in quotes, or the whole script into a block that begins with "|"';
  scope.report.error(item.at, `a line of "${entry.key}" must be text, not ${describeNode(item)}`, hint);
  return [];
}

/** Lines of a script: text, or a list of texts. Variables are left to the shell. */
export const scriptLines: Reader<string[]> = reader(SCRIPT, (entry, scope) => {
  const { value } = entry;
  if (value.kind === 'map') return reportKind(entry, 'text or a list of texts', scope);
  if (value.kind === 'text') return value.text.split('\n');
  return value.items.flatMap((item) => linesOfItem(item, entry, scope));
});
