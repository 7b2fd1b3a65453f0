import type { ErrorCode, YAMLParseError } from 'yaml';

interface Explanation {
  readonly message: string;
  readonly hint?: string;
}

const BY_CODE: Partial<Record<ErrorCode, Explanation>> = {
  TAB_AS_INDENT: { message: 'a tab is used for indentation', hint: 'YAML wants spaces' },
  BAD_INDENT: { message: 'the indentation does not fit the lines before', hint: 'align it with its neighbours' },
  BAD_SCALAR_START: { message: 'a value cannot begin with this character', hint: 'put the value in quotes' },
  MULTILINE_IMPLICIT_KEY: {
    message: 'a key must stand on one line, followed by a colon',
    hint: 'is a colon missing, or a quote not closed?',
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a second colon follows on the same line',
    hint: 'put the value in quotes if the colon belongs to it',
  },
  BLOCK_IN_FLOW: { message: 'an indented block cannot stand inside brackets' },
  BAD_DQ_ESCAPE: { message: 'this backslash sequence has no meaning in double quotes', hint: 'use single quotes' },
  KEY_OVER_1024_CHARS: { message: 'a key is longer than 1024 characters' },
  MULTIPLE_ANCHORS: { message: 'a value can have one anchor only' },
  MULTIPLE_TAGS: { message: 'a value can have one tag only' },
  ALIAS_PROPS: { message: 'an alias can have neither an anchor nor a tag' },
};

/** The YAML library's complaint in words that a writer of configurations needs. */
export function explainYamlError(error: YAMLParseError): Explanation {
  const known = BY_CODE[error.code];
  if (known !== undefined) return known;
  const [first = ''] = error.message.split('\n');
  return { message: `not valid YAML: ${first.charAt(0).toLowerCase()}${first.slice(1)}` };
}
