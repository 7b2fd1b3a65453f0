import type { Command } from 'commander';
import { AppError, EXIT } from '../../lib/errors.ts';
import { nearest } from '../../lib/nearest.ts';
import { type Clock, systemClock } from '../../platform/clock.ts';
import type { CliContext } from '../context.ts';
import { defineCommand, parseArgs } from '../define-command.ts';
import { connectHub, type HubFlags } from './connect-hub.ts';
import type { HubRequests } from './hub-request.ts';

/** What a verb works with. */
export interface Session {
  readonly api: HubRequests;
  readonly context: CliContext;
  readonly clock: Clock;
  /** Prints one JSON object for machines, or what `forPeople` makes of it. */
  show(value: unknown, forPeople: () => string): void;
}

/** One thing to do to a hub: `pwagent GROUP WORD`. */
export interface Verb {
  /** Empty for a group that is a command of its own. */
  readonly word: string;
  readonly summary: string;
  readonly examples: readonly (readonly [commandLine: string, what: string])[];
  /** Arguments and flags beyond those that every verb has. */
  readonly define?: (command: Command) => Command;
  /** `flags` as `define` made them; `args` in order. A number that it resolves with is the exit code; anything else is 0. */
  readonly act: (session: Session, flags: Record<string, unknown>, args: readonly string[]) => Promise<unknown>;
}

export interface VerbGroup {
  /** Words after `pwagent`. */
  readonly name: string;
  readonly summary: string;
  /** The first one is taken when no word is given. */
  readonly verbs: readonly Verb[];
}

function commandOf({ name }: VerbGroup, { word, summary, examples, define = (same) => same }: Verb): Command {
  const command = defineCommand({ name: `${name} ${word}`.trim(), summary, examples });
  return define(command)
    .option('--hub <url>', 'address of the hub (default: PWAGENT_HUB, else http://127.0.0.1:7480)')
    .option('--token-file <file>', 'file with an API token (default: PWAGENT_HUB_TOKEN, else that of your own hub)')
    .option('--json', 'print one JSON object', false);
}

function overview({ name, summary, verbs }: VerbGroup): string {
  const lines = verbs.map((verb) => `  ${verb.word.padEnd(12)} ${verb.summary.split('\n')[0]}`);
  const first = verbs[0]?.word ?? '';
  return [
    summary,
    '',
    `Usage: pwagent ${name} [WORD] [OPTIONS]`,
    '',
    ...lines,
    '',
    `Without a word: ${first}. \`pwagent ${name} WORD --help\` tells its options, with examples.`,
    '',
  ].join('\n');
}

function pick(group: VerbGroup, args: readonly string[]): readonly [verb: Verb, rest: readonly string[]] {
  const { verbs, name } = group;
  const [word = ''] = args;
  const named = verbs.find((verb) => verb.word === word && word !== '');
  if (named !== undefined) return [named, args.slice(1)];
  const [first] = verbs;
  if (first === undefined) throw new TypeError(`the command ${name} has no verbs`);
  if (verbs.length === 1 || word === '' || word.startsWith('-')) return [first, args];
  const guess = nearest(
    word,
    verbs.map((verb) => verb.word),
  );
  const hint = guess === undefined ? `see pwagent ${name} --help` : `did you mean "pwagent ${name} ${guess}"?`;
  throw new AppError('USAGE', `pwagent ${name} has no "${word}"`, { hint });
}

/** Runs the verb that `args` ask for. `clock` is a parameter for tests. */
export async function runVerbs(
  group: VerbGroup,
  args: readonly string[],
  context: CliContext,
  clock: Clock = systemClock,
): Promise<number> {
  const asksHelp = args[0] === '--help' || args[0] === '-h' || args[0] === 'help';
  if (group.verbs.length > 1 && asksHelp) {
    context.stdout.write(overview(group));
    return EXIT.ok;
  }
  const [verb, rest] = pick(group, args);
  const command = commandOf(group, verb);
  const done = parseArgs(command, rest, context);
  if (done !== undefined) return done;
  const flags = command.opts<HubFlags & { readonly json: boolean }>();
  const session: Session = {
    api: connectHub(flags, context.env),
    context,
    clock,
    show: (value, forPeople) => context.stdout.write(flags.json ? `${JSON.stringify(value)}\n` : forPeople()),
  };
  const outcome = await verb.act(session, { ...flags }, command.processedArgs as string[]);
  return typeof outcome === 'number' ? outcome : EXIT.ok;
}
