import { describe, expect, test } from 'bun:test';
import { parseConfiguration } from '../../../src/cirrus-yml/parse-configuration.ts';

/** Whether a task with this condition is kept; undefined when the condition is a mistake. */
function evaluate(
  expression: string,
  environment: Readonly<Record<string, string>> = {},
  affectedFiles: readonly string[] = [],
): boolean | undefined {
  const text = `task: {persistent_worker: {}, skip: ${JSON.stringify(expression)}}\n`;
  const { plan, problems } = parseConfiguration({ text, environment, affectedFiles });
  return problems.some(({ severity }) => severity === 'error') ? undefined : plan[0]?.state === 'skipped';
}

const FILES = ['note.txt', 'drawing.svg', 'go.mod', 'dir/file.go'];
const GO = ['main.go', 'go.mod', 'dir/file.go'];
const CHANGELOG = 'first\nsome [documentation] line\nlast';

/** Results of the reference. Undefined is an error. */
describe('expressions have the results that the reference gives', () => {
  test.each<[string, Record<string, string>, readonly string[], boolean | undefined]>([
    ["'Foo' == 'Foo'", {}, [], true],
    ["'Foo' == 'Bar'", {}, [], false],
    ["$FOO == ''", {}, [], true],
    ['$FOO', { FOO: 'true' }, [], true],
    ["'Foo' == $BAR", { BAR: 'Bar' }, [], false],
    ["!('Foo' == 'Foo')", {}, [], false],
    ["'Foo' == 'Bar' || 'Foo' != 'Bar'", {}, [], true],
    [
      "($CIRRUS_PR == '' || $CIRRUS_TAG != '') && $CIRRUS_USER_COLLABORATOR == 'true'",
      { CIRRUS_USER_COLLABORATOR: 'true' },
      [],
      true,
    ],
    ["'release-2018.1' =~ 'release-.*'", {}, [], true],
    ["'release-2018.1' !=~ 'release-.*'", {}, [], false],
    ["'release-.*' !=~ 'foo'", {}, [], true],
    ["'1.2.34' =~ '\\d+\\.\\d+\\.\\d+'", {}, [], true],
    ["$CIRRUS_TAG =~ 'v\\d+(\\.\\d+){2}(-.*)?'", { CIRRUS_TAG: 'v1.2.3-rc1' }, [], true],
    ["$CHANGELOG =~ '.*\\[documentation\\].*'", { CHANGELOG }, [], true],
    ['$CIRRUS_CHANGE_MESSAGE == "test \'foo\'"', { CIRRUS_CHANGE_MESSAGE: "test 'foo'" }, [], true],
    ["'not a regexp :)' =~ '.*actual regexp.*'", {}, [], false],
    ["'pull' in 'pull/123'", {}, [], true],
    ["'pull' in 'pr/123'", {}, [], false],
    ["'something' =~ 's'", {}, [], false],
    ["$CIRRUS_TAG =~ 'v.*'", {}, [], false],
    ["changesInclude('*.txt')", {}, FILES, true],
    ["changesInclude('document.pdf', '**.{png,bmp,svg}')", {}, FILES, true],
    ["!changesInclude('*.go')", {}, FILES, true],
    ["!changesInclude('**.go')", {}, FILES, false],
    ["changesIncludeOnly('**.go', '**/*.go', '**.mod')", {}, GO, true],
    ["changesIncludeOnly('**.go')", {}, GO, false],
    [
      "changesInclude('.cirrus.yml','dev/**','bin/**') && $CIRRUS_PR != ''",
      { CIRRUS_PR: '1234' },
      ['bin/internal/external'],
      true,
    ],
    ['true || false && false', {}, [], true],
    ['(true || false) && false', {}, [], false],
    ["!$A == 'false'", { A: 'true' }, [], true],
    ["'a' in 'abc' == true", {}, [], true],
    ["'ABC' =~ 'abc'", {}, [], true],
    ["'a' == 'A'", {}, [], false],
    ["'main-x' =~ 'main|release'", {}, [], true],
    ["'main-x' =~ '(main|release)'", {}, [], false],
    ["'$FOO' == 'x'", { FOO: 'x' }, [], false],
    ["$A == 'v'", { A: '$B', B: 'v' }, [], true],
    ['$FOO', { FOO: '1' }, [], true],
    ['$FOO', { FOO: 'yes' }, [], undefined],
    ['$NUM == 3', { NUM: '3' }, [], undefined],
    ["$NUM == '3'", { NUM: '3' }, [], true],
    ['TRUE', {}, [], undefined],
    ['yes', {}, [], undefined],
    ['1', {}, [], undefined],
    ["''", {}, [], undefined],
    ["'foo'", {}, [], undefined],
    ['$UNDEFINED', {}, [], undefined],
    ['!$UNDEFINED', {}, [], undefined],
    ["false && 'x'", {}, [], undefined],
    ["'a' =~ '('", {}, [], undefined],
    ["changesInclude('docs')", {}, ['docs/x/y.z'], false],
    ["changesInclude('docs/**')", {}, ['docs/x/y.z'], true],
    ["changesInclude('**/*.md')", {}, ['README.md'], false],
    ["changesIncludeOnly('*.md')", {}, [], false],
    ['changesInclude()', {}, [], undefined],
    ["changesInclude('[')", {}, ['a'], undefined],
    ["changesInclude('[') && true", {}, ['a'], undefined],
  ])('%s with %j', (expression, environment, files, expected) => {
    expect(evaluate(expression, environment, files)).toBe(expected);
  });

  test('only_if may ask for the name of the task', () => {
    const text = `only_if: $CIRRUS_TASK_NAME == "foo"\npersistent_worker: {}\nfoo_task: {}\nbar_task: {}\n`;
    expect(parseConfiguration({ text, environment: {} }).tasks.map(({ name }) => name)).toEqual(['foo']);
  });
});
