import { describe, expect, test } from 'bun:test';
import { FORMATS } from '../../../src/agent/annotations/formats.ts';
import { pathResolver } from '../../../src/agent/annotations/source-paths.ts';

const read = async (format: string, text: string) => {
  const findings = (await FORMATS.get(format)?.(text)) ?? [];
  return findings.map((finding) =>
    Object.fromEntries(Object.entries(finding).filter(([, value]) => value !== undefined)),
  );
};

/** Why a text is refused. */
async function refusal(format: string, text: string): Promise<string> {
  try {
    await FORMATS.get(format)?.(text);
    return 'taken';
  } catch (error) {
    return String(error);
  }
}

describe('JUnit', () => {
  test('C20: failures and errors are failures, what passed is silent, what was skipped needs a reason', async () => {
    const report = `<?xml version="1.0"?><testsuites><testsuite name="s">
      <testcase classname="a.B" name="passes"/>
      <testcase classname="a.B" name="fails"><failure message="boom"><![CDATA[AssertionError
	at org.junit.Assert.fail(Assert.java:88)
	at kotlin.test.AssertionsKt.fail(Assertions.kt:3)
	at a.B.fails(B.kt:12)]]></failure></testcase>
      <testcase name="broken"><error message="no such thing"/></testcase>
      <testcase name="later"><skipped/></testcase>
      <testcase name="told"><skipped message="not on this system"/></testcase>
      <testsuite name="inner"><testcase name="placed" file="src/x.py" line="3"><failure>at y.py:9 &amp; more</failure></testcase></testsuite>
      </testsuite></testsuites>`;
    expect(await read('junit', report)).toMatchObject([
      { level: 'failure', message: 'a.B.fails', path: 'B.kt', startLine: 12, endLine: 12 },
      { level: 'failure', message: 'broken', details: 'no such thing' },
      { level: 'notice', message: 'told', details: 'not on this system' },
      { level: 'failure', message: 'placed', details: 'at y.py:9 & more', path: 'src/x.py', startLine: 3 },
    ]);
  });

  test('properties of a test say where it is', async () => {
    const report =
      '<testsuite><testcase name="t"><properties><property name="file" value="p.rb"/><property name="line" value="5"/></properties><failure>x</failure></testcase></testsuite>';
    expect(await read('junit', report)).toMatchObject([{ path: 'p.rb', startLine: 5 }]);
  });

  test.each([
    ['', 'no XML'],
    ['<a>', 'no XML'],
    ['<html></html>', 'neither'],
    ['<!DOCTYPE x [<!ENTITY a "b">]><testsuite/>', 'entities'],
  ])('refuses %p', async (text, why) => {
    expect(await refusal('junit', text)).toContain(why);
  });
});

test('ESLint', async () => {
  const messages = [
    { ruleId: 'no-x', severity: 2, message: 'bad', line: 1, column: 2, endLine: 3, endColumn: 4 },
    { ruleId: null, severity: 1, message: 'hm', line: 5, column: 1 },
    { severity: 0, message: 'off', line: 0, column: 0 },
  ];
  expect(await read('eslint', JSON.stringify([{ filePath: '/w/a.js', messages }]))).toEqual([
    { level: 'failure', message: 'no-x: bad', path: '/w/a.js', startLine: 1, endLine: 3, startColumn: 2, endColumn: 4 },
    { level: 'warning', message: 'hm', path: '/w/a.js', startLine: 5, endLine: 5, startColumn: 1 },
    { level: 'notice', message: 'off', path: '/w/a.js' },
  ]);
});

test('golangci', async () => {
  const issue = { FromLinter: 'govet', Text: 'shadow', Pos: { Filename: 'a.go', Line: 4, Column: 2 } };
  expect(await read('golangci', JSON.stringify({ Issues: [issue], Report: {} }))).toEqual([
    { level: 'failure', message: 'shadow (govet)', path: 'a.go', startLine: 4, endLine: 4, startColumn: 2 },
  ]);
  expect(await read('golangci', '{"Issues":null}')).toEqual([]);
});

test('Android lint', async () => {
  const issue = (severity: string) =>
    `<issue id="I" severity="${severity}" message="m" explanation="e"><location file="A.java" line="3" column="7"/><location file="B.java"/></issue>`;
  const report = (format: number) =>
    `<issues format="${format}">${issue('Fatal')}${issue('Ignore')}${issue('Information')}</issues>`;
  expect(await read('android-lint', report(6))).toMatchObject([
    { level: 'failure', message: 'm', details: 'e', path: 'A.java', startLine: 3, startColumn: 7 },
    { level: 'failure', path: 'B.java' },
    { level: 'notice', path: 'A.java' },
    { level: 'notice', path: 'B.java' },
  ]);
  expect(await refusal('android-lint', report(7))).toContain('format 7');
});

test('RSpec', async () => {
  const base = { file_path: './spec/a_spec.rb', line_number: 9 };
  const examples = [
    { ...base, status: 'passed', full_description: 'fine' },
    { ...base, status: 'failed', full_description: 'bad', exception: { class: 'E', message: 'wrong' } },
    { ...base, status: 'pending', full_description: 'later', pending_message: 'why' },
  ];
  expect(await read('rspec', JSON.stringify({ examples }))).toEqual([
    { level: 'failure', message: 'bad', details: 'wrong', path: './spec/a_spec.rb', startLine: 9, endLine: 9 },
    { level: 'notice', message: 'later', details: 'why', path: './spec/a_spec.rb', startLine: 9, endLine: 9 },
  ]);
});

test('RuboCop', async () => {
  const location = { start_line: 1, start_column: 2, last_line: 3, last_column: 4, line: 1, column: 2, length: 5 };
  const offense = (severity: string, corrected = false) => ({
    severity,
    corrected,
    message: 'm',
    cop_name: 'C',
    location,
  });
  const offenses = [
    offense('convention'),
    offense('warning'),
    offense('fatal'),
    offense('fatal', true),
    offense('info'),
  ];
  const findings = await read('rubocop', JSON.stringify({ files: [{ path: 'a.rb', offenses }] }));
  expect(findings.map(({ level }) => level)).toEqual(['notice', 'warning', 'failure', 'notice']);
  expect(findings[0]).toEqual({
    level: 'notice',
    message: 'C: m',
    path: 'a.rb',
    startLine: 1,
    endLine: 3,
    startColumn: 2,
    endColumn: 4,
  });
});

test('Qodana', async () => {
  const source = { type: 'file', path: 'a.kt', line: 4, offset: 2, length: 3 };
  const problem = (severity: string) => ({
    severity,
    comment: 'c',
    detailsInfo: 'd',
    sources: [source, { ...source, path: 'b.kt' }],
  });
  const text = JSON.stringify({ version: '3', listProblem: ['Critical', 'High', 'Low'].map(problem) });
  const findings = await read('qodana', text);
  expect(findings.map(({ level, path }) => `${level} ${path}`)).toEqual([
    'failure a.kt',
    'failure b.kt',
    'warning a.kt',
    'warning b.kt',
    'notice a.kt',
    'notice b.kt',
  ]);
  expect(findings[0]).toMatchObject({ message: 'c', details: 'd', startLine: 4, startColumn: 2 });
});

test('XCLogParser', async () => {
  const entry = { title: 't', documentURL: 'file:///w/A.swift', startingLineNumber: 3, endingLineNumber: 3 };
  const steps = [
    { errors: [entry], warnings: [{ ...entry, documentURL: '' }], notes: null },
    { errors: [], warnings: [entry] },
  ];
  expect(await read('xclogparser', JSON.stringify(steps))).toEqual([
    { level: 'failure', message: 't', path: '/w/A.swift', startLine: 3, endLine: 3 },
    { level: 'warning', message: 't', path: '/w/A.swift', startLine: 3, endLine: 3 },
  ]);
});

test('Flutter', async () => {
  const events = [
    { type: 'start' },
    [{ event: 'daemon' }],
    { type: 'testStart', test: { id: 1, name: 'good', line: 1, url: 'file:///w/a_test.dart' } },
    {
      type: 'testStart',
      test: { id: 2, name: 'bad {', line: 9, url: 'package:x', root_line: 4, root_url: 'file:///w/a_test.dart' },
    },
    { type: 'error', testID: 2, error: 'Expected "}"', stackTrace: 'at 9', isFailure: true },
    { type: 'testDone', testID: 1, result: 'success' },
    { type: 'testDone', testID: 2, result: 'failure' },
  ];
  expect(await read('flutter', events.map((event) => JSON.stringify(event)).join('\n'))).toEqual([
    {
      level: 'failure',
      message: 'bad {',
      details: 'Expected "}"\nat 9',
      path: '/w/a_test.dart',
      startLine: 4,
      endLine: 4,
    },
  ]);
  expect(await refusal('flutter', '{"type":')).toContain('cut off');
});

test('Boost', async () => {
  const report = `<TestLog><TestSuite name="all"><TestSuite name="inner"><TestCase name="t" file="t.cpp" line="1">
    <Error file="e.cpp" line="5"><![CDATA[check failed]]></Error><FatalError file="f.cpp" line="6">gone</FatalError><Message>x</Message>
    </TestCase></TestSuite></TestSuite></TestLog>`;
  expect(await read('boost', report)).toMatchObject([
    { level: 'failure', message: 'all.inner.t', details: 'check failed', path: 'e.cpp', startLine: 5 },
    { level: 'failure', message: 'all.inner.t', details: 'gone', path: 'f.cpp', startLine: 6 },
  ]);
});

test('buf, swiftformat and our own', async () => {
  expect(await read('buf', '{"path":"a.proto","start_line":1,"end_line":2,"type":"X","message":"m"}\n\n')).toEqual([
    { level: 'warning', message: 'm', path: 'a.proto', startLine: 1, endLine: 2 },
  ]);
  expect(await read('swiftformat', '[{"file":"A.swift","line":2,"reason":"r","rule_id":"i"}]\n[]')).toEqual([
    { level: 'warning', message: 'i: r', path: 'A.swift', startLine: 2, endLine: 2 },
  ]);
  const own = '{"level":"failure","message":"m","raw_details":"d","path":"p","start_line":3,"start_column":1}';
  expect(await read('cirrus', own)).toEqual([
    { level: 'failure', message: 'm', details: 'd', path: 'p', startLine: 3, endLine: 3, startColumn: 1 },
  ]);
  expect(await refusal('cirrus', '{"level":"loud","message":"m"}')).toContain('line 1');
});

describe('paths of reports', () => {
  const resolve = pathResolver(['src/a/x.ts', 'src/b/x.ts', 'lib/only.ts', 'x.ts'], '/w');
  test.each([
    ['/w/src/a/x.ts', 'src/a/x.ts'],
    ['./src/a/x.ts', 'src/a/x.ts'],
    ['x.ts', 'x.ts'],
    ['b/x.ts', 'src/b/x.ts'],
    ['only.ts', 'lib/only.ts'],
    ['com/other/only.ts', 'lib/only.ts'],
    ['/build/agent/src/b/x.ts', 'src/b/x.ts'],
    ['other/x.ts', 'other/x.ts'], // three files would do: better none than the wrong one
    ['/etc/passwd', '/etc/passwd'],
    ['', ''],
  ])('%p → %p', (reported, expected) => {
    expect(resolve(reported)).toBe(expected);
  });
});
