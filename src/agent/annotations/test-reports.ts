import { z } from 'zod';
import { type Finding, type ReadReport, wrongReport } from './finding.ts';
import { readJson, readJsonStream } from './json-text.ts';
import { type Element, readXml } from './xml-text.ts';

const count = (text: string | undefined) =>
  text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;

/** `path/name.ext:12` somewhere in a stack trace, save in the frames of the test framework and its language. */
function placeInTrace(trace: string): { path: string; line: number } | undefined {
  for (const row of trace.split('\n')) {
    if (/junit|kotlin/i.test(row)) continue;
    const found = /([\w./\\@+~-]*\w[\w./\\@+~-]*\.\w+):(\d{1,9})/.exec(row);
    if (found?.[1] !== undefined) return { path: found[1], line: Number(found[2]) };
  }
  return undefined;
}

function propertiesOf(test: Element): Record<string, string> {
  const list = test.children('properties').flatMap((properties) => properties.children('property'));
  return Object.fromEntries(list.map(({ attributes, text }) => [attributes.name ?? '', attributes.value ?? text]));
}

function junitFinding(test: Element): Finding[] {
  const { classname = '', name = '', file, line } = test.attributes;
  const message = classname === '' ? name : `${classname}.${name}`;
  const [problem] = [...test.children('failure'), ...test.children('error')];
  if (problem === undefined) {
    // what passed says nothing, and what was skipped only something if it gives a reason
    const reason = test.children('skipped')[0]?.attributes.message;
    return reason
      ? [{ level: 'notice', message, details: reason, name: message, path: file, startLine: count(line) }]
      : [];
  }
  const details = problem.text.trim() || problem.attributes.message || '';
  const place = placeInTrace(details);
  const properties = propertiesOf(test);
  const startLine = count(properties.line ?? line) ?? place?.line;
  const path = properties.file ?? file ?? place?.path;
  return [{ level: 'failure', message, details, name: message, path, startLine, endLine: startLine }];
}

function junitSuite(suite: Element): Finding[] {
  return [...suite.children('testcase').flatMap(junitFinding), ...suite.children('testsuite').flatMap(junitSuite)];
}

export const readJunit: ReadReport = async (text) => {
  const report = await readXml(text);
  const tops = [...report.children('testsuites'), ...report.children('testsuite')];
  if (tops.length === 0) throw wrongReport('it has neither <testsuites> nor <testsuite>');
  return tops.flatMap(junitSuite);
};

const PROBLEMS_OF_BOOST = ['Error', 'FatalError', 'Exception'] as const;

function boostSuite(suite: Element, path: readonly string[]): Finding[] {
  const here = [...path, suite.attributes.name ?? ''].filter((name) => name !== '');
  const cases = suite.children('TestCase').flatMap((test) => {
    const name = [...here, test.attributes.name ?? ''].join('.');
    return PROBLEMS_OF_BOOST.flatMap((kind) => test.children(kind)).map((problem): Finding => {
      const { file, line } = { ...test.attributes, ...problem.attributes };
      const details = problem.text.trim();
      return {
        level: 'failure',
        message: name,
        details,
        name,
        path: file,
        startLine: count(line),
        endLine: count(line),
      };
    });
  });
  return [...cases, ...suite.children('TestSuite').flatMap((inner) => boostSuite(inner, here))];
}

export const readBoost: ReadReport = async (text) => {
  const [log] = (await readXml(text)).children('TestLog');
  if (log === undefined) throw wrongReport('it has no <TestLog>');
  return boostSuite(log, []);
};

const rspecReport = z.looseObject({
  examples: z.array(
    z.looseObject({
      status: z.string(),
      full_description: z.string(),
      file_path: z.string().nullish(),
      line_number: z.number().nullish(),
      pending_message: z.string().nullish(),
      exception: z.looseObject({ class: z.string().nullish(), message: z.string().nullish() }).nullish(),
    }),
  ),
});

export const readRspec: ReadReport = (text) =>
  readJson(text, rspecReport).examples.flatMap((example): Finding[] => {
    if (example.status !== 'pending' && example.status !== 'failed') return [];
    const failed = example.status === 'failed';
    const startLine = example.line_number ?? undefined;
    return [
      {
        level: failed ? 'failure' : 'notice',
        message: example.full_description,
        details: (failed ? example.exception?.message : example.pending_message) ?? undefined,
        path: example.file_path ?? undefined,
        startLine,
        endLine: startLine,
      },
    ];
  });

const flutterEvent = z.looseObject({
  type: z.string().nullish(),
  test: z
    .looseObject({
      id: z.number(),
      name: z.string(),
      line: z.number().nullish(),
      url: z.string().nullish(),
      root_line: z.number().nullish(),
      root_url: z.string().nullish(),
    })
    .nullish(),
  testID: z.number().nullish(),
  error: z.string().nullish(),
  stackTrace: z.string().nullish(),
  result: z.string().nullish(),
});

/** Events of other kinds are lists or objects without these fields. */
const flutterValue = z.union([flutterEvent, z.array(z.unknown())]);

export const readFlutter: ReadReport = (text) => {
  const tests = new Map<number, NonNullable<z.output<typeof flutterEvent>['test']>>();
  const errors = new Map<number, string[]>();
  const findings: Finding[] = [];
  for (const event of readJsonStream(text, flutterValue)) {
    if (Array.isArray(event)) continue;
    const id = event.testID ?? -1;
    if (event.type === 'testStart' && event.test) tests.set(event.test.id, event.test);
    if (event.type === 'error') {
      const told = [event.error, event.stackTrace].filter((part) => part).join('\n');
      errors.set(id, [...(errors.get(id) ?? []), told]);
    }
    if (event.type !== 'testDone' || event.result === 'success') continue;
    const test = tests.get(id);
    const url = test?.root_url ?? test?.url ?? undefined;
    const line = (test?.root_url ? test.root_line : test?.line) ?? undefined;
    const details = errors.get(id)?.join('\n');
    const message = test?.name ?? `test ${id}`;
    findings.push({
      level: 'failure',
      message,
      details,
      path: url?.replace(/^file:\/\//, ''),
      startLine: line,
      endLine: line,
    });
  }
  return findings;
};
