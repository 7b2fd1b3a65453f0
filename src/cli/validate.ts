import { readFile } from 'node:fs/promises';
import { formatProblem, summarize } from '../cirrus-yml/format-problem.ts';
import { parseConfiguration } from '../cirrus-yml/parse-configuration.ts';
import { readVariables } from '../cirrus-yml/read-variables.ts';
import { tasksToJson } from '../cirrus-yml/tasks-json.ts';
import { AppError, EXIT, joinErrors } from '../lib/errors.ts';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { parseVariable } from './variable-flag.ts';

interface ValidateOptions {
  readonly format: string;
  readonly env: readonly string[];
  readonly envFile?: string;
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'this is a folder, not a file',
  EACCES: 'this file may not be read',
};

/** The text of a file, or of standard input for `-`. Throws `AppError` (CONFIG) when it cannot be read. */
async function readText(path: string, hint: string): Promise<string> {
  try {
    const bytes = path === '-' ? await Bun.stdin.bytes() : await readFile(path);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const errno = errnoOf(error);
    const place = { file: path === '-' ? 'standard input' : path };
    if (error instanceof TypeError) throw new AppError('CONFIG', 'this is not UTF-8 text', { place, cause: error });
    const reason = REASONS[errno ?? ''] ?? `this cannot be read (${errno ?? 'unknown reason'})`;
    throw new AppError('CONFIG', reason, { place, cause: error, hint: errno === 'ENOENT' ? hint : undefined });
  }
}

async function readEnvFile(file: string): Promise<Environment> {
  const { variables, problems } = readVariables(await readText(file, 'check the path after --env-file'));
  const errors = problems.filter(({ severity }) => severity === 'error');
  const [first, ...rest] = errors.map(
    ({ message, hint, line, column }) => new AppError('CONFIG', message, { hint, place: { file, line, column } }),
  );
  if (first !== undefined) throw joinErrors([first, ...rest]);
  return variables;
}

async function evaluationVariables({ env, envFile }: ValidateOptions, context: CliContext): Promise<Environment> {
  const fromFile = envFile === undefined ? {} : await readEnvFile(envFile);
  return { ...fromFile, ...Object.fromEntries(env.map((word) => parseVariable(word, context.env))) };
}

function defineValidate() {
  return defineCommand({
    name: 'validate',
    summary: 'Check a .cirrus.yml and explain every mistake.',
    examples: [
      ['pwagent validate', 'check .cirrus.yml in this folder'],
      ['pwagent validate ci.yml -e CIRRUS_BRANCH=main', 'with a variable that conditions ask for'],
      ['pwagent validate --format json', 'print the tasks for machines'],
    ],
  })
    .argument('[file]', 'the configuration, or - for standard input', '.cirrus.yml')
    .option('--format <format>', 'text for people, json for machines', 'text')
    .option('-e, --env <name=value>', 'a variable (repeat for more)', (word, all: string[]) => [...all, word], [])
    .option('--env-file <file>', 'a YAML file that maps names of variables to values');
}

/** `pwagent validate [FILE|-] [--format text|json] [-e NAME=VALUE]... [--env-file FILE]` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineValidate();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const options = command.opts<ValidateOptions>();
  const [path = '.cirrus.yml'] = command.processedArgs as [string?];
  if (options.format !== 'text' && options.format !== 'json') {
    throw new AppError('USAGE', `there is no format "${options.format}"`, { hint: 'write --format text or json' });
  }
  const environment = await evaluationVariables(options, context);
  const text = await readText(path, 'name the file, as in "pwagent validate path/to/.cirrus.yml"');
  const { tasks, problems } = parseConfiguration({ text, environment });
  const file = path === '-' ? '<stdin>' : path;
  const out = options.format === 'json' ? context.stderr : context.stdout;
  for (const problem of problems) out.write(formatProblem(problem, { file, text, colour: out.colour }));
  const failed = problems.some(({ severity }) => severity === 'error');
  if (options.format === 'text') out.write(`${summarize(tasks.length, problems)}\n`);
  else if (!failed) context.stdout.write(`${JSON.stringify(tasksToJson(tasks), null, 2)}\n`);
  return failed ? EXIT.configuration : EXIT.ok;
}
