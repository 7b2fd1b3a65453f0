import { mkdir } from 'node:fs/promises';
import { AppError } from '../../lib/errors.ts';
import { errnoOf } from '../../platform/files.ts';
import type { ScriptInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { expandText } from '../expansion.ts';
import { Program, type ProgramEnd } from '../program/program.ts';
import { chooseShell, cleanLines, prepareScript, scriptEnvironment } from '../program/shell.ts';
import { signalText } from '../signal-text.ts';
import { splitWords } from '../words.ts';
import type { Perform, StepContext, StepOutcome } from './instruction.ts';

/** What shells mean by their own exit codes, with the remedy. */
const SHELL_CODE: Readonly<Record<number, string>> = {
  126: 'A file that should run is not executable: mark it with `git update-index --chmod=+x FILE` and commit.',
  127: 'A command was not found: check its spelling, that it is installed, PATH, and that its file has no CRLF line ends.',
};

const OUTPUT_HELD =
  'A process that this script started still holds its output open; what it writes from here on is not shown.';

/** The lines that a log gets after a script; specification of the agent, 6.3. Empty when there is nothing to say. */
export function closingText(end: ProgramEnd): string {
  const lines: string[] = [];
  if (end.tag === 'killed') lines.push(`\nSignaled to exit (${signalText(end.signal)})!`);
  if (end.tag === 'exited' && end.code > 1) {
    const meaning = SHELL_CODE[end.code];
    lines.push(`\nExit status: ${end.code}`, ...(meaning === undefined ? [] : [meaning]));
  }
  if (end.tag !== 'stopped' && end.outputHeld) lines.push(OUTPUT_HELD);
  return lines.join('\n');
}

function outcomeOf(end: ProgramEnd): StepOutcome {
  switch (end.tag) {
    case 'stopped':
      return end;
    case 'killed':
      return { tag: 'failed', signalled: true };
    default:
      return { tag: end.code === 0 ? 'completed' : 'failed', exitCode: end.code };
  }
}

/** Makes the folder that scripts start in, should it be missing. */
export async function ensureWorkingFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    const hint = 'CIRRUS_WORKING_DIR must be a folder that can be made or written';
    throw new AppError('CONFIG', `folder ${path} cannot be made (${errnoOf(error)})`, { hint, cause: error });
  }
}

/** The command lines of a script: one for a shell, or one for each line of a `direct` script. */
export async function commandLines(lines: readonly string[], context: StepContext): Promise<string[][]> {
  const { environment, process, temporary } = context;
  const find = (name: string) => Bun.which(name, { PATH: process.PATH ?? '' });
  const shell = chooseShell(environment.CIRRUS_SHELL, find);
  const { clean, remark } = cleanLines(lines);
  if (remark !== undefined) await context.output.print(remark);
  if (shell.tag === 'file') return [await prepareScript(shell, clean, temporary)];
  return clean.map((line) => splitWords(expandText(line, environment, process))).filter((words) => words.length > 0);
}

/** Starts a program as a script of the task: its variables, its folder, its log. Rejects with an `AppError`. */
export async function startProgram(argv: readonly string[], context: StepContext): Promise<Program> {
  const { environment, process, workingFolder, output, clock } = context;
  const env = scriptEnvironment(process, environment);
  const broken = Object.keys(env).find((name) => `${name}${env[name]}`.includes('\0'));
  if (broken !== undefined) {
    const hint = 'no program can be given one: write the value to a file instead';
    throw new AppError('CONFIG', `variable ${JSON.stringify(broken)} holds a NUL byte`, { hint });
  }
  const mayEscape = environment.CIRRUS_ESCAPING_PROCESSES !== undefined;
  return Program.start({ argv, env, cwd: workingFolder, mayEscape }, (chunk) => output.write(chunk), clock);
}

/** Runs lines of a script and waits for their end. */
export async function runLines(
  lines: readonly string[],
  context: StepContext,
  signal: AbortSignal,
): Promise<StepOutcome> {
  await ensureWorkingFolder(context.workingFolder);
  let outcome: StepOutcome = { tag: 'completed', exitCode: 0 };
  for (const argv of await commandLines(lines, context)) {
    const end = await (await startProgram(argv, context)).wait(signal);
    const text = closingText(end);
    if (text !== '') await context.output.print(text);
    outcome = outcomeOf(end);
    if (outcome.tag !== 'completed') break;
  }
  return outcome;
}

export const runScript: Perform<ScriptInstruction> = ({ scripts }, context, signal) =>
  runLines(scripts, context, signal);
