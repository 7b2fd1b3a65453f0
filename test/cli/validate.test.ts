import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
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
  const context: CliContext = { env, stdout: output('out'), stderr: output('err'), stop: signal, hurry: signal };
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
      'there is no format "xml"; write --format text or json\n',
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
