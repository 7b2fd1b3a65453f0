import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { evaluateCondition } from '../../../src/cirrus-yml/condition/evaluate-condition.ts';
import { parseCondition } from '../../../src/cirrus-yml/condition/parse-condition.ts';
import { createVariables } from '../../../src/cirrus-yml/variables.ts';
import { AppError } from '../../../src/lib/errors.ts';

interface World {
  readonly variables?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
  readonly steps?: number;
}

function evaluate(text: string, { variables = {}, files = [], steps = 1_000_000 }: World = {}): boolean {
  const { lookup, expand } = createVariables(variables, { steps: 1_000_000 });
  return evaluateCondition(parseCondition(text), { lookup, expand, affectedFiles: files, budget: { steps } });
}

/** What is wrong with a condition, as `column: message`. */
function complaint(text: string, world?: World): string {
  try {
    return String(evaluate(text, world));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return `${error.place?.column}: ${error.message}`;
  }
}

const FILES = ['note.txt', 'go.mod', 'cmd/main.go', 'docs/a/b.png'];

describe('a condition holds or not', () => {
  const cases: readonly (readonly [string, boolean, World?])[] = [
    ['true', true],
    ['!true', false],
    ['!!true', true],
    ["'a' == 'a'", true],
    ["'a' == 'A'", false],
    ["'a' != 'b'", true],
    ["$X == ''", true],
    ['$X', true, { variables: { X: 'T' } }],
    ['$X', false, { variables: { X: '0' } }],
    ["${X} == 'v'", true, { variables: { X: '$Y', Y: 'v' } }],
    ["'$X' == 'v'", false, { variables: { X: 'v' } }],
    ["\"'x'\" == 'x'", true],
    ["'it\\'s' == \"it\\'s\"", true],
    ["'pull' in 'pull/12'", true],
    ["'pull' in 'merge/12'", false],
    ["'a' in 'abc' == true", true],
    ["!$A == 'false'", true, { variables: { A: 'true' } }],
    ['true || false && false', true],
    ['(true || false) && false', false],
    ["true // the rest is said\n /* and\n more */ && 'a' == 'a'", true],
    ["$TAG =~ 'v\\d+(\\.\\d+){2}(-.*)?'", true, { variables: { TAG: 'v1.2.3-rc1' } }],
    ["$TAG =~ 'v.*'", false],
    ["'ABC' =~ 'abc'", true],
    ["'abc' =~ 'b'", false],
    ["'abc' !=~ 'b'", true],
    ["$A =~ '.*\\[x\\]'", true, { variables: { A: 'one\ntwo [x]' } }],
    ["'main-x' =~ 'main|release'", true],
    ["'main-x' =~ '(main|release)'", false],
    ["'feature/a' =~ '(?:fix|feature)/[^/]+'", true],
    ["'x7' =~ '[[:alpha:]][^a-f]'", true],
    ["'Zq' =~ '[a-z]{2}'", true],
    ["'aaa' =~ 'a{2}'", false],
    ["'aaa' =~ 'a{2,}'", true],
    ["'a b' =~ 'a\\bx?\\s\\bb'", true],
    ["changesInclude('*.txt')", true, { files: FILES }],
    ["changesInclude('*.go')", false, { files: FILES }],
    ["changesInclude('**.go')", true, { files: FILES }],
    ["changesInclude('**.{gif,png}')", true, { files: FILES }],
    ["changesInclude('docs')", false, { files: FILES }],
    ["changesInclude('docs/**')", true, { files: FILES }],
    ["changesInclude('**/*.mod')", false, { files: FILES }],
    ["changesInclude('$DIR/?/b.[!a]ng')", true, { files: FILES, variables: { DIR: 'docs' } }],
    ["changesInclude('go\\.mod')", true, { files: FILES }],
    ["changesInclude('GO.MOD')", false, { files: FILES }],
    ["changesIncludeOnly('*', 'cmd/**', 'docs/**')", true, { files: FILES }],
    ["changesIncludeOnly('*', 'docs/**')", false, { files: FILES }],
    ["changesIncludeOnly('*')", false],
  ];
  test.each(cases.map(([text, expected, world = {}]) => [text, expected, world] as const))(
    '%s is %p',
    (text, expected, world) => {
      expect(evaluate(text, world)).toBe(expected);
    },
  );

  test('patterns share one budget of work', () => {
    expect(complaint("$A =~ '(a|a)*b'", { variables: { A: 'a'.repeat(1000) }, steps: 2_000 })).toBe(
      '7: the patterns of this file are too much work',
    );
  });
});

test('a pattern that makes backtracking engines run away is quick', () => {
  expect(evaluate("$A =~ '(a*)*b'", { variables: { A: 'a'.repeat(10_000) } })).toBe(false);
});

describe('any text', () => {
  const pieces = fc.constantFrom(
    '$A',
    'true',
    "'x'",
    '(',
    ')',
    '!',
    '==',
    '=~',
    '!=~',
    'in',
    '&&',
    '||',
    ' ',
    "'(a+'",
    'changesInclude',
    ',',
  );

  test('is a condition or a complaint with a column inside it', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((parts) => parts.join(' ')),
        ),
        (text) => {
          expect(complaint(text)).toMatch(/^(true|false|\d+: .+)$/s);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a plain text as pattern matches itself and nothing longer', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{1,8}$/), fc.stringMatching(/^[a-z0-9]{1,3}$/), (word, more) => {
        expect(evaluate(`'${word}' =~ '${word}'`)).toBe(true);
        expect(evaluate(`'${word}${more}' =~ '${word}'`)).toBe(false);
      }),
    );
  });
});
