import type { YAMLParseError } from 'yaml';

interface Explanation {
  readonly message: string;
  readonly hint?: string;
}

const QUOTE_IT = 'put the whole value in quotes';

/** Complaints of the YAML library, by code or by the beginning of its sentence. The first that fits speaks. */
const KNOWN: readonly (readonly [string, Explanation])[] = [
  ['TAB_AS_INDENT', { message: 'a tab is used for indentation', hint: 'YAML wants spaces' }],
  ['BAD_INDENT', { message: 'the indentation does not fit the lines before', hint: 'align it with its neighbours' }],
  ['BAD_SCALAR_START', { message: 'a value cannot begin with this character', hint: QUOTE_IT }],
  ['Implicit map keys', { message: 'a colon is missing after this key' }],
  [
    'MULTILINE_IMPLICIT_KEY',
    { message: 'a key must stand on one line, followed by a colon', hint: 'is a colon missing here?' },
  ],
  [
    'BLOCK_AS_IMPLICIT_KEY',
    { message: 'a second colon follows on the same line', hint: 'put the value in quotes if the colon belongs to it' },
  ],
  ['BLOCK_IN_FLOW', { message: 'an indented block cannot stand inside brackets' }],
  ['BAD_DQ_ESCAPE', { message: 'this backslash sequence has no meaning in double quotes', hint: 'use single quotes' }],
  ['KEY_OVER_1024_CHARS', { message: 'a key is longer than 1024 characters' }],
  ['MULTIPLE_ANCHORS', { message: 'a value can have one anchor only' }],
  ['MULTIPLE_TAGS', { message: 'a value can have one tag only' }],
  ['ALIAS_PROPS', { message: 'an alias can have neither an anchor nor a tag' }],
  [
    'Unexpected block-seq-ind',
    { message: 'a list cannot begin on the line of its key', hint: 'begin it on the next line' },
  ],
  ['Unexpected flow-', { message: 'this bracket or comma closes nothing', hint: QUOTE_IT }],
  ['Unexpected scalar at node end', { message: 'something follows the end of this value', hint: QUOTE_IT }],
];

/** The YAML library's complaint in words that a writer of configurations needs. */
export function explainYamlError({ code, message }: YAMLParseError): Explanation {
  const known = KNOWN.find(([key]) => key === code || message.startsWith(key));
  if (known !== undefined) return known[1];
  const [first = ''] = message.split('\n');
  return { message: `not valid YAML: ${first.charAt(0).toLowerCase()}${first.slice(1)}` };
}
