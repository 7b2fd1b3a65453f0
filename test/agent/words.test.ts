import { expect, test } from 'bun:test';
import { splitWords } from '../../src/agent/words.ts';

// specification of the agent, 13.2
test.each([
  ['', []],
  [' \t ', []],
  ['a b', ['a', 'b']],
  ['a\tb', ['a', 'b']],
  ['a  b', ['a', 'b']],
  ['foo "bar baz"', ['foo', 'bar baz']],
  ["foo'bar'", ['foobar']],
  [`"a'b"`, ["a'b"]],
  ['a\\ b', ['a b']],
  ['"a\\"b"', ['a"b']],
  ["'a\\nb'", ['anb']],
  ['\\\\a', ['\\a']],
  ['""', ['']],
  ['a "" b', ['a', '', 'b']],
  ['#c d', ['#c', 'd']],
  ['a\nb', ['a\nb']],
])('%j', (line, words) => {
  expect(splitWords(line)).toEqual(words);
});

test.each([
  ['"a', 'has a quote that is never closed'],
  ['a\\', 'ends with a backslash'],
])('%j is a mistake of the user', (line, what) => {
  expect(() => splitWords(line)).toThrow(what);
});
