import { Command, CommanderError, type Option } from 'commander';
import { AppError, EXIT } from '../lib/errors.ts';
import type { CliContext } from './context.ts';

interface CommandText {
  /** The words after `pwagent`, such as `worker run`. */
  readonly name: string;
  readonly summary: string;
  /** Whole command lines with what they do, shown at the end of the help. */
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
}

/** The description with the default, except one that says nothing: not given, or given no times. */
function describeOption(option: Option): string {
  const { description, defaultValue } = option;
  const empty =
    defaultValue === undefined || defaultValue === false || (Array.isArray(defaultValue) && defaultValue.length === 0);
  return empty || option.negate ? description : `${description} (default: ${defaultValue})`;
}

/** A command with our manners: help with examples on stdout, mistakes as one sentence (see `parseArgs`). */
export function defineCommand({ name, summary, examples }: CommandText): Command {
  const shown = examples.map(([line, what]) => `  ${what}\n    $ ${line}`).join('\n');
  return new Command(`pwagent ${name}`)
    .description(summary)
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ optionDescription: describeOption })
    .addHelpText('after', `\nExamples:\n${shown}`)
    .allowExcessArguments(false);
}

/**
 * Parses `args` into `command`. Returns undefined when the command shall run, or the exit code when help was shown.
 * Throws `AppError` (USAGE) for a wrong flag or argument.
 */
export function parseArgs(command: Command, args: readonly string[], context: CliContext): number | undefined {
  command.exitOverride().configureOutput({ writeOut: (text) => context.stdout.write(text), writeErr: () => {} });
  try {
    command.parse([...args], { from: 'user' });
    return undefined;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') return EXIT.ok;
    const message = error.message
      .replace(/^error: /, '')
      .replaceAll('\n', ' ')
      .replace(/\.$/, '');
    throw new AppError('USAGE', message, { hint: `see ${command.name()} --help`, cause: error });
  }
}
