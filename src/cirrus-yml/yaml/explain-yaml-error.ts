import type { YAMLParseError } from 'yaml';

interface Explanation {
  readonly message: string;
  readonly hint?: string;
}

const QUOTE_IT = 'put the whole value in quotes';

const STRAY_LINE: Explanation = {
  message: 'this line belongs to nothing before it',
  hint: 'check its indentation and that of the lines before',
};

/** Complaints of the YAML library, as `CODE Sentence`. The first that fits speaks. */
const KNOWN: readonly (readonly [RegExp, Explanation])[] = [
  [/^TAB_AS_INDENT/, { message: 'a tab is used for indentation', hint: 'YAML wants spaces' }],
  [/^BAD_INDENT/, { message: 'the indentation does not fit the lines before', hint: 'align it with its neighbours' }],
  [/^BAD_SCALAR_START/, { message: 'a value cannot begin with this character', hint: QUOTE_IT }],
  [/ Implicit map keys/, { message: 'a colon is missing after this key' }],
  [
    /^MULTILINE_IMPLICIT_KEY/,
    { message: 'a key must stand on one line, followed by a colon', hint: 'is a colon missing here?' },
  ],
  [
    /^BLOCK_AS_IMPLICIT_KEY/,
    { message: 'a second colon follows on the same line', hint: 'put the value in quotes if the colon belongs to it' },
  ],
  [
    /^BLOCK_IN_FLOW/,
    { message: 'keys inside brackets are separated by commas', hint: 'is a comma missing before this?' },
  ],
  [/^BAD_DQ_ESCAPE/, { message: 'this backslash sequence has no meaning in double quotes', hint: 'use single quotes' }],
  [/^KEY_OVER_1024_CHARS/, { message: 'a key is longer than 1024 characters' }],
  [/^MULTIPLE_ANCHORS/, { message: 'a value can have one anchor only' }],
  [/^MULTIPLE_TAGS/, { message: 'a value can have one tag only' }],
  [/^ALIAS_PROPS/, { message: 'an alias can have neither an anchor nor a tag' }],
  [
    / (?:Unexpected block-seq-ind|Missing newline after block)/,
    { message: 'a list cannot begin on the line of its key', hint: 'begin it on the next line' },
  ],
  [/ Unexpected flow-/, { message: 'this bracket or comma closes nothing', hint: QUOTE_IT }],
  [/ Unexpected .+ at node end/, { message: 'something follows the end of this value', hint: QUOTE_IT }],
  [/ Unexpected .+ token in YAML stream/, STRAY_LINE],
  [
    / (?:Not a YAML token|Block scalar header)/,
    {
      message: 'text follows "|" or ">" on the same line',
      hint: 'begin it on the next line, or quote the whole value',
    },
  ],
  [
    / Comments must be separated/,
    { message: 'a space is missing before this "#"', hint: 'if it begins no comment, put the whole value in quotes' },
  ],
  [/ Tags and anchors must be/, { message: 'a space is missing after this tag or anchor', hint: QUOTE_IT }],
  [/ Missing ,/, { message: 'a comma is missing inside these brackets', hint: 'or put the part before it in quotes' }],
  [
    / Sequence item without/,
    { message: 'this line is neither an item of the list above nor part of one', hint: 'check its indentation' },
  ],
  [/ (?:Alias|Anchor) cannot be/, { message: 'a name must follow this character', hint: QUOTE_IT }],
  [
    / Block scalars with more-indented/,
    { message: 'an empty line above this text is indented deeper than the text', hint: 'remove its spaces' },
  ],
  [/ Unexpected /, { message: 'this cannot stand here', hint: `is a comma missing before it? otherwise ${QUOTE_IT}` }],
];

/** Whether the complaint says only that reading had ended before, which an earlier complaint explains. */
export function isEchoOfEnd({ message }: YAMLParseError): boolean {
  return /^Unexpected .+ token in YAML stream/.test(message);
}

/** Whether the complaint is about how lines belong together, so that after it those of the same task are misread. */
export function isAboutStructure({ code, message }: YAMLParseError): boolean {
  return (
    /^(?:TAB_AS_INDENT|BAD_INDENT|BLOCK_AS_IMPLICIT_KEY|MULTILINE_IMPLICIT_KEY)$/.test(code) ||
    /^(?:Sequence item without|Implicit map keys)/.test(message)
  );
}

/**
 * The YAML library's complaint in words that a writer of configurations needs. What follows a value on a line of its
 * own is not a matter of quotes.
 */
export function explainYamlError({ code, message }: YAMLParseError, atLineStart: boolean): Explanation {
  if (atLineStart && / at node end/.test(message)) return STRAY_LINE;
  const known = KNOWN.find(([pattern]) => pattern.test(`${code} ${message}`));
  if (known !== undefined) return known[1];
  const [first = ''] = message.split('\n');
  return { message: `not valid YAML: ${first.charAt(0).toLowerCase()}${first.slice(1)}` };
}
