import { wrongReport } from './finding.ts';

/** An element: attributes, text, and children by name. */
export interface Element {
  readonly attributes: Readonly<Record<string, string>>;
  /** All text directly in it, CDATA included. */
  readonly text: string;
  children(name: string): readonly Element[];
}

type Node = { readonly [name: string]: unknown };

function toElement(node: unknown): Element {
  if (typeof node !== 'object' || node === null) {
    return { attributes: {}, text: String(node ?? ''), children: () => [] };
  }
  const fields = node as Node;
  const attributes = Object.entries(fields).filter(([name]) => name.startsWith('@'));
  return {
    attributes: Object.fromEntries(attributes.map(([name, value]) => [name.slice(1), String(value)])),
    text: String(fields['#text'] ?? ''),
    children: (name) => {
      const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
      if (value === undefined) return [];
      return (Array.isArray(value) ? value : [value]).map(toElement);
    },
  };
}

/** Reads XML without entities of its own. Gives an element whose children are the top one. Throws `AppError` (CONFIG). */
export async function readXml(text: string): Promise<Element> {
  if (/<!ENTITY/i.test(text)) throw wrongReport('it defines XML entities, which are not read');
  const { XMLParser, XMLValidator } = await import('fast-xml-parser'); // only tasks with XML reports pay for it
  const verdict = XMLValidator.validate(text);
  if (verdict !== true) throw wrongReport(`it is no XML (line ${verdict.err.line}: ${verdict.err.msg})`);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseAttributeValue: false,
    parseTagValue: false,
    trimValues: false,
  });
  return toElement(parser.parse(text));
}
