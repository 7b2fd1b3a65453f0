import { readFileSync } from 'node:fs';
import { formatDuration } from '../lib/duration.ts';
import { AppError, EXIT } from '../lib/errors.ts';
import { errnoOf } from '../platform/files.ts';
import { type Replayed, replay } from '../supervisor/replay.ts';
import type { CliContext } from './context.ts';
import { defineCommand, parseArgs } from './define-command.ts';

function lineOf({ at, decision, instead }: Replayed): string {
  const { rule, from, to, event, ageMs, reason } = decision;
  const age = formatDuration(Math.round(ageMs));
  const differs = instead === undefined ? '' : `   DIFFERS: then ${instead?.rule ?? 'nothing was decided'}`;
  return `${at}  ${age.padStart(12)}  ${rule.padEnd(15)} ${from} -> ${to} (${event}): ${reason}${differs}\n`;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const errno = errnoOf(error) ?? String(error);
    const missing = errno === 'ENOENT';
    throw new AppError(
      missing ? 'USAGE' : 'NO_PERMISSION',
      missing ? 'there is no such file' : `cannot be read (${errno})`,
      {
        place: { file },
        hint: 'the records stand beside the journal, in the state folder of the supervisor',
        cause: error,
      },
    );
  }
}

/** `pwagent replay FILE`: exit 1 when today's rules decide otherwise than was decided. */
export async function run(args: readonly string[], context: CliContext): Promise<number> {
  const command = defineCommand({
    name: 'replay',
    summary: 'Decide once more what a supervisor decided, from the records beside its journal.',
    examples: [
      ['pwagent replay /var/db/pwagent/journal-records.jsonl', 'each decision, and whether it would be the same'],
    ],
  }).argument('<file>', 'records of a supervisor');
  const done = parseArgs(command, args, context);
  if (done !== undefined) return done;
  const { decisions, events, unreadable } = replay(read(command.args[0] ?? ''));
  for (const decision of decisions) context.stdout.write(lineOf(decision));
  const others = decisions.filter(({ instead }) => instead !== undefined).length;
  const broken = unreadable === 0 ? '' : `, ${unreadable} unreadable lines`;
  context.stdout.write(`${events} events, ${decisions.length} decisions, ${others} of them differ${broken}\n`);
  return others === 0 ? EXIT.ok : 1;
}
