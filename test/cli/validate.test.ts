import { describe, expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readVariables } from '../../src/cirrus-yml/read-variables.ts';
import type { CliContext, Output } from '../../src/cli/context.ts';
import { run } from '../../src/cli/validate.ts';
import { AppError, describeError } from '../../src/lib/errors.ts';
import { tempFolder } from '../support/temp-folder.ts';

const CASES = resolve(import.meta.dir, '../conformance/cirrus-yml');
const MAIN = resolve(import.meta.dir, '../../src/main.ts');

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the command with everything that it prints recorded; a thrown `AppError` counts as printed. */
async function validate(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const written = { out: '', err: '' };
  const output = (name: 'out' | 'err'): Output => ({
    write: (text) => {
      written[name] += text;
    },
    isTty: false,
    colour: false,
    columns: 80,
  });
  const { signal } = new AbortController();
  const context: CliContext = {
    env,
    stdout: output('out'),
    stderr: output('err'),
    onHangup: () => {},
    stop: signal,
    hurry: signal,
  };
  try {
    return { code: await run(args, context), ...written };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { code: error.exitCode, out: written.out, err: `${written.err}${describeError(error)}\n` };
  }
}

const GOOD = 'task:\n  persistent_worker: {}\n  only_if: $BRANCH == "main"\n';
const BAD = 'task:\n  persistent_worker: {}\n  timeout_in: 1d\n  scirpt: x\n';

function fileWith(folder: string, text: string | Uint8Array, name = '.cirrus.yml'): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

describe('pwagent validate', () => {
  test('a good file', async () => {
    using folder = tempFolder();
    const path = fileWith(folder.path, GOOD);
    expect(await validate([path])).toEqual({ code: 0, out: '0 tasks, no problems\n', err: '' });
    expect(await validate([path, '-e', 'BRANCH=main'])).toEqual({ code: 0, out: '1 task, no problems\n', err: '' });
  });

  test('mistakes: place, sentence, remedy, line and caret; exit code 78', async () => {
    using folder = tempFolder();
    const path = fileWith(folder.path, BAD);
    const hint = 'write minutes as a bare number, or a number with one unit: 90s, 30m, 2h';
    const lines = [
      `${path}:3:3: error: timeout_in: "1d" is not a time limit; ${hint}`,
      '    timeout_in: 1d',
      '    ^',
      `${path}:4:3: warning: unknown key "scirpt" in a task; did you mean "script"?`,
      '    scirpt: x',
      '    ^',
      '1 error, 1 warning',
      '',
    ];
    expect(await validate([path])).toEqual({ code: 78, out: lines.join('\n'), err: '' });
  });

  test('warnings alone are no failure', async () => {
    using folder = tempFolder();
    const { code, out } = await validate([fileWith(folder.path, 'task: {persistent_worker: {}, x: y}\n')]);
    expect([code, out.split('\n').at(-2)]).toEqual([0, '1 task, 1 warning']);
  });

  test('json: tasks on standard output, problems beside it', async () => {
    const name = join(CASES, 'via-rpc--new-persistentworker-isolation-tart');
    const { code, out, err } = await validate([`${name}.yml`, '--format', 'json']);
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual(await Bun.file(`${name}.json`).json());
    using folder = tempFolder();
    const bad = await validate(['--format', 'json', fileWith(folder.path, BAD)]);
    expect([bad.code, bad.out, bad.err.includes(':3:3: error: ')]).toEqual([78, '', true]);
  });

  test('variables: a file, then the command line over it, then those passed on', async () => {
    using folder = tempFolder();
    const path = fileWith(folder.path, 'task:\n  persistent_worker: {}\n  name: $A $B $C\n');
    const envFile = fileWith(folder.path, 'A: 1.20\nB: file\n', 'variables.env');
    const args = [path, '--format', 'json', '--env-file', envFile, '-e', 'B=flag=', '--env', 'C'];
    const { out } = await validate(args, { C: 'process' });
    expect(JSON.parse(out)).toMatchObject([{ name: '1.20 flag= process' }]);
  });
});

describe('the reference prints the same tasks', () => {
  const names = [...new Bun.Glob('*.yml').scanSync({ cwd: CASES })].map((name) => name.slice(0, -'.yml'.length));

  test.each(names)('%s', async (name) => {
    using folder = tempFolder();
    const beside = Bun.file(join(CASES, `${name}.fc`));
    const contents = (await beside.exists()) ? readVariables(await beside.text()).variables : {};
    for (const [path, text] of Object.entries(contents)) {
      mkdirSync(join(folder.path, dirname(path)), { recursive: true });
      fileWith(folder.path, text, path);
    }
    const path = fileWith(folder.path, await Bun.file(join(CASES, `${name}.yml`)).text(), `${name}.yml`);
    const variables = join(CASES, `${name}.env`);
    const flags = (await Bun.file(variables).exists()) ? ['--env-file', variables] : [];
    const { code, out } = await validate([path, '--format', 'json', ...flags]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual(await Bun.file(join(CASES, `${name}.json`)).json());
  });
});

describe('what only some want to see', () => {
  const MIXED = `persistent_worker: {labels: {os: linux}}
lint_task: {script: make lint}
unit_task: {env: {matrix: [{N: "1"}, {N: "2"}]}, alias: tests, depends_on: lint}
docs_task: {skip: "!changesInclude('docs/**')", depends_on: lint}
ship_task: {only_if: $BRANCH == 'main', depends_on: [tests, docs]}
image_task: {container: {image: a}, depends_on: docs}
`;

  test('--tasks draws the graph with what would be skipped, and why', async () => {
    using folder = tempFolder();
    const path = fileWith(folder.path, MIXED);
    const { code, out } = await validate([path, '--tasks']);
    expect(code).toBe(0);
    expect(out.slice(out.indexOf('0 lint'))).toBe(
      `0 lint                         persistent_worker os=linux
├─ 1 unit [N:1] (alias tests)  persistent_worker os=linux
├─ 2 unit [N:2] (alias tests)  persistent_worker os=linux
└─ 3 docs                      persistent_worker os=linux  skipped, line 4: skip: !changesInclude('docs/**')
   └─ 5 image                  container                   needs a hosted service
4 ship                         persistent_worker os=linux  left out, line 5: only_if: $BRANCH == 'main'
5 tasks, 1 warning
`,
    );
    const changed = await validate([path, '--tasks', '-e', 'BRANCH=main', '--affected-files', 'docs/a', 'b']);
    expect(changed.out).not.toContain('skipped');
    expect(changed.out).toContain('4 ship                   persistent_worker os=linux  also after 2, 3\n');
    expect((await validate([path, '--tasks', '--format', 'json'])).code).toBe(64);
  });

  test('--format github prints annotations', async () => {
    using folder = tempFolder();
    const path = fileWith(
      folder.path,
      '.t: &t {timeout_in: "1%"}\ntask: {persistent_worker: {}, <<: *t}\nx: y\n',
      'a,b.yml',
    );
    const name = path.replaceAll(',', '%2C');
    const hint = 'write minutes as a bare number, or a number with one unit: 90s, 30m, 2h';
    expect(await validate([path, '--format', 'github'])).toEqual({
      code: 78,
      out: `::error file=${name},line=1,col=9::timeout_in: "1%25" is not a time limit; ${hint}%0Aused at ${path}:2:35
::warning file=${name},line=3,col=1::"x" defines nothing at the root of the file; a task ends in "_task"; a template needs an anchor
`,
      err: '',
    });
  });

  test('in text, a problem of repeated text shows both places', async () => {
    using folder = tempFolder();
    const path = fileWith(folder.path, '.t: &t {scirpt: x}\ntask: {persistent_worker: {}, <<: *t}\n');
    expect((await validate([path])).out.split('\n').slice(1, 6)).toEqual([
      '  .t: &t {scirpt: x}',
      '          ^',
      `  used at ${path}:2:35`,
      '  task: {persistent_worker: {}, <<: *t}',
      '                                    ^',
    ]);
  });

  test.each([
    ['a task', 'task: {persistent_worker: {}, x: y}\n'],
    ['the root', 'task: {persistent_worker: {}}\nx: y\n'],
    ['a worker', 'task: {persistent_worker: {x: y}}\n'],
  ])('--strict refuses an unknown field of %s', async (_title, text) => {
    using folder = tempFolder();
    const path = fileWith(folder.path, text);
    expect((await validate([path])).code).toBe(0);
    const { code, out } = await validate([path, '--strict', '--format', 'json']);
    expect([code, out]).toEqual([78, '']);
  });

  test('--strict minds unknown fields alone', async () => {
    using folder = tempFolder();
    expect(
      (await validate([fileWith(folder.path, 'task: {container: {image: a}, stateful: true}\n'), '--strict'])).code,
    ).toBe(0);
  });

  test('--properties adds what only the hosted service understood', async () => {
    using folder = tempFolder();
    const path = fileWith(
      folder.path,
      `use_compute_credits: $A == ''
task:
  persistent_worker: {}
  trigger_type: manual
  execution_lock: lock-$A
  required_pr_labels: [one, two]
  stateful: true
  skip_notifications: false
  auto_cancellation: $A != ''
`,
    );
    const properties = async (...flags: string[]) => {
      const { out } = await validate([path, '--format', 'json', '-e', 'A=x', ...flags]);
      return (JSON.parse(out) as { metadata: { properties: Record<string, string> } }[])[0]?.metadata.properties;
    };
    const plain = {
      allow_failures: 'false',
      experimental: 'false',
      indexWithinBuild: '0',
      timeout_in: '3600',
      trigger_type: 'AUTOMATIC',
    };
    expect(await properties()).toEqual(plain);
    expect(await properties('--properties')).toEqual({
      ...plain,
      trigger_type: 'manual',
      execution_lock: 'lock-x',
      required_pr_labels: 'one\ntwo',
      stateful: 'true',
      skip_notifications: 'false',
      auto_cancellation: 'true',
      use_compute_credits: 'false',
    });
  });

  test('--schema prints the language for editors', async () => {
    const { code, out } = await validate(['--schema']);
    expect(code).toBe(0);
    expect(Object.keys((JSON.parse(out) as { patternProperties: object }).patternProperties)).toEqual([
      'task$',
      'pipe$',
      'docker_builder$',
    ]);
  });

  test('a Starlark file beside it is one warning, and by itself a refusal', async () => {
    using folder = tempFolder();
    const path = fileWith(folder.path, GOOD);
    const script = fileWith(folder.path, 'def main(): pass\n', '.cirrus.star');
    const { code, out } = await validate([path]);
    expect([code, out.split('\n')[0], out.split('\n').at(-2)]).toEqual([
      0,
      `${path}:1:1: warning: .cirrus.star stands beside .cirrus.yml and is not executed, so the tasks that it generates are missing; write them into this file`,
      '0 tasks, 1 warning',
    ]);
    const alone = await validate([script]);
    expect([alone.code, alone.err]).toEqual([
      78,
      `${script}: Starlark is not executed; write the tasks that it would generate into a .cirrus.yml\n`,
    ]);
  });

  test('a Dockerfile is read from the folder of the configuration, and from nowhere else', async () => {
    using folder = tempFolder();
    mkdirSync(join(folder.path, 'ci'));
    fileWith(folder.path, 'FROM scratch', 'ci/Dockerfile');
    const container = (dockerfile: string) => fileWith(folder.path, `task: {container: {dockerfile: ${dockerfile}}}\n`);
    const { code, out } = await validate([container('ci/Dockerfile'), '--format', 'json']);
    expect([code, out.includes('"name": "Prebuild ci/Dockerfile"')]).toEqual([0, true]);
    using outside = tempFolder();
    const secret = fileWith(outside.path, 'FROM secret', 'Dockerfile');
    symlinkSync(secret, join(folder.path, 'link'));
    for (const name of ['nope', secret, 'link', `../${basename(outside.path)}/Dockerfile`, 'ci']) {
      const refused = await validate([container(name)]);
      expect([refused.code, refused.out.split('\n').find((line) => line.includes('error:'))]).toEqual([
        78,
        `${join(folder.path, '.cirrus.yml')}:1:20: error: the Dockerfile "${name}" cannot be read; paths count from the folder of this file`,
      ]);
    }
  });
});

describe('wrong input is one sentence', () => {
  test.each<[string, string | Uint8Array | undefined, string[], number, string]>([
    [
      'no file',
      undefined,
      ['F'],
      78,
      'F: there is no such file; name the file, as in "pwagent validate path/to/.cirrus.yml"\n',
    ],
    ['a folder', undefined, ['D'], 78, 'D: this is a folder, not a file\n'],
    ['not UTF-8', new Uint8Array([0xff, 0xfe, 0]), ['F'], 78, 'F: this is not UTF-8 text\n'],
    [
      'an unknown format',
      GOOD,
      ['F', '--format', 'xml'],
      64,
      'there is no format "xml"; write --format text, json or github\n',
    ],
    [
      'an unknown flag',
      GOOD,
      ['--fromat', 'json'],
      64,
      "unknown option '--fromat' (Did you mean --format?); see pwagent validate --help\n",
    ],
    ['a variable without a name', GOOD, ['F', '-e', '=x'], 64, '"=x" has no name before "="; write -e NAME=VALUE\n'],
    [
      'a variable that is not set',
      GOOD,
      ['F', '-e', 'NOPE'],
      64,
      'the variable NOPE is not set here; write -e NAME=VALUE\n',
    ],
    [
      'no variable file',
      GOOD,
      ['F', '--env-file', 'D/x'],
      78,
      'D/x: there is no such file; check the path after --env-file\n',
    ],
    [
      'a variable file that is a list',
      '- a\n',
      ['F', '--env-file', 'F'],
      78,
      'F:1:1: the file must be a map of variables, not a list; write each variable on a line, as in NAME: value\n',
    ],
  ])('%s', async (_title, text, args, code, message) => {
    using folder = tempFolder();
    const path = join(folder.path, '.cirrus.yml');
    if (text !== undefined) fileWith(folder.path, text);
    const insert = (word: string) => word.replace(/^F/, path).replace(/^D/, folder.path);
    expect(await validate(args.map(insert))).toEqual({ code, out: '', err: insert(message) });
  });
});

test('as a process: the default file, and standard input', async () => {
  using folder = tempFolder();
  fileWith(folder.path, 'task: {persistent_worker: {}}\n');
  const start = (args: string[], input: string) =>
    Bun.spawnSync([process.execPath, MAIN, 'validate', ...args], { cwd: folder.path, stdin: Buffer.from(input) });
  const byDefault = start([], '');
  expect([byDefault.exitCode, byDefault.stdout.toString()]).toEqual([0, '1 task, no problems\n']);
  const fromInput = start(['-'], 'x: [\n');
  expect(fromInput.exitCode).toBe(78);
  expect(fromInput.stdout.toString()).toBe('<stdin>:1:4: error: this bracket is not closed\n  x: [\n     ^\n1 error\n');
});
