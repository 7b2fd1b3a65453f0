import { dirname } from 'node:path';
import { configurationSchema } from '../cirrus-yml/configuration-schema.ts';
import { drawTasks } from '../cirrus-yml/draw-tasks.ts';
import { formatAnnotation } from '../cirrus-yml/format-annotation.ts';
import { formatProblem, summarize } from '../cirrus-yml/format-problem.ts';
import { type ParseResult, parseConfiguration } from '../cirrus-yml/parse-configuration.ts';
import type { Problem } from '../cirrus-yml/problem.ts';
import { readVariables } from '../cirrus-yml/read-variables.ts';
import { tasksToJson } from '../cirrus-yml/tasks-json.ts';
import { AppError, EXIT, joinErrors } from '../lib/errors.ts';
import type { Environment } from '../platform/environment.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';
import { findConfiguration, starlarkProblems } from './validate/find-configuration.ts';
import { folderFiles } from './validate/folder-files.ts';
import { readText } from './validate/read-text.ts';
import { parseVariable } from './variable-flag.ts';

interface ValidateOptions {
  readonly format: string;
  readonly env: readonly string[];
  readonly envFile?: string;
  readonly affectedFiles: readonly string[];
  readonly tasks?: true;
  readonly strict?: true;
  readonly schema?: true;
  readonly properties?: true;
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
      ['pwagent validate --tasks --affected-files src/a.c', 'draw what a change of that file would run'],
      ['pwagent validate --format json', 'print the tasks for machines'],
      ['pwagent validate --schema > cirrus.schema.json', 'teach the language to an editor'],
    ],
  })
    .argument('[file]', 'the configuration, or - for standard input (default: .cirrus.yaml or .cirrus.yml here)')
    .option('--format <format>', 'text for people, json for machines, github for annotations in a workflow', 'text')
    .option('-e, --env <name=value>', 'a variable (repeat for more)', (word, all: string[]) => [...all, word], [])
    .option('--env-file <file>', 'a YAML file that maps names of variables to values')
    .option('--affected-files <file...>', 'paths that the change touches, for changesInclude in conditions', [])
    .option('--tasks', 'draw which tasks run, after which, where, and which would be skipped')
    .option('--strict', 'take unknown fields for mistakes')
    .option('--properties', 'with --format json: add properties that only the hosted service understood')
    .option('--schema', 'print the JSON Schema of the language and end');
}

function checkOptions({ format, tasks }: ValidateOptions): void {
  if (!['text', 'json', 'github'].includes(format)) {
    throw new AppError('USAGE', `there is no format "${format}"`, { hint: 'write --format text, json or github' });
  }
  if (tasks && format !== 'text') {
    throw new AppError('USAGE', `--tasks draws for people, not as ${format}`, { hint: 'leave out one of them' });
  }
}

/** Everything to tell about the file, in its order. What needs a hosted service is a mistake only for a hub. */
function tellableProblems({ problems, foreign }: ParseResult, path: string, strict: boolean): Problem[] {
  const judged = problems.map(
    (problem): Problem => (strict && problem.kind === 'unknown-key' ? { ...problem, severity: 'error' } : problem),
  );
  const hosted = foreign.map((problem): Problem => ({ ...problem, severity: 'warning' }));
  const all = [...starlarkProblems(path), ...judged, ...hosted];
  return all.sort((left, right) => left.line - right.line || left.column - right.column);
}

async function check(path: string, options: ValidateOptions, context: CliContext): Promise<number> {
  const environment = await evaluationVariables(options, context);
  const text = await readText(path, 'name the file, as in "pwagent validate path/to/.cirrus.yml"');
  const { affectedFiles, format, properties = false, strict = false } = options;
  const files = folderFiles(path === '-' ? '.' : dirname(path));
  const result = parseConfiguration({ text, environment, affectedFiles, files, declaredProperties: properties });
  const problems = tellableProblems(result, path, strict);
  const file = path === '-' ? '<stdin>' : path;
  const out = format === 'json' ? context.stderr : context.stdout;
  for (const problem of problems) {
    const { colour } = out;
    out.write(format === 'github' ? formatAnnotation(problem, file) : formatProblem(problem, { file, text, colour }));
  }
  const failed = problems.some(({ severity }) => severity === 'error');
  if (options.tasks && !failed) context.stdout.write(drawTasks(result.plan));
  if (format === 'text') out.write(`${summarize(result.tasks.length, problems)}\n`);
  if (format === 'json' && !failed) context.stdout.write(`${JSON.stringify(tasksToJson(result.tasks), null, 2)}\n`);
  return failed ? EXIT.configuration : EXIT.ok;
}

/** `pwagent validate [FILE|-] [--format text|json|github] [-e NAME=VALUE]... [--tasks] [--strict] [--schema] …` */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineValidate();
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const options = command.opts<ValidateOptions>();
  checkOptions(options);
  if (options.schema) {
    context.stdout.write(`${JSON.stringify(configurationSchema(), null, 2)}\n`);
    return EXIT.ok;
  }
  const [named] = command.processedArgs as [string?];
  return check(findConfiguration(named), options, context);
}
