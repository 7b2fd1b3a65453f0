import type { Command } from 'commander';
import { z } from 'zod';
import { type Pool, poolSchema } from '../hub/http/wire-fleet.ts';
import { formatDuration, parseDuration } from '../lib/duration.ts';
import { AppError } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { table } from './hub-cli/table.ts';
import { runVerbs, type Verb, type VerbGroup } from './hub-cli/verbs.ts';

const listAnswer = z.object({ pools: z.array(poolSchema), next: z.string().nullable() });
const HEADS = [
  'POOL',
  'WORKERS',
  'TOKENS',
  'QUEUE LIMIT',
  'MAX HOLD',
  'MAX TIMEOUT',
  'MAX WORKERS',
  'MAX TASKS',
  'EPHEMERAL',
];

function rowOf({ name, workers, tokens, settings }: Pool): string[] {
  const seconds = (count: number) => formatDuration(count * 1_000);
  return [
    ...[name, String(workers), String(tokens)],
    settings.queueLimitSeconds === 0 ? 'for ever' : seconds(settings.queueLimitSeconds),
    seconds(settings.maxHoldSeconds),
    seconds(settings.maxTaskTimeoutSeconds),
    String(settings.maxWorkers ?? 'none'),
    String(settings.maxTasks ?? 'none'),
    settings.ephemeral ? 'yes' : 'no',
  ];
}

function withSettings(command: Command): Command {
  return command
    .option('--queue-limit <duration>', 'how long a task may wait for a worker; 0 = for ever (default of a pool: 24h)')
    .option('--max-hold <duration>', 'how long a poll is held, up to 20s; 0 for workers with several upstreams')
    .option('--max-timeout <duration>', 'longest timeout of a task (default of a pool: 2h)')
    .option('--max-workers <count>', 'most workers at a time, or none')
    .option('--max-tasks <count>', 'most tasks at a time, or none')
    .option('--ephemeral', 'workers take one task and are forgotten after it')
    .option('--no-ephemeral', 'workers stay');
}

function count(flag: string, text: string): number | null {
  if (text === 'none') return null;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new AppError('USAGE', `${flag} "${text}" is not a count`, { hint: 'write a whole number, or none' });
}

/** Settings as the interface wants them; those that were not given are left out. */
export function settingsOf(flags: Record<string, unknown>): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  const durations = { queueLimit: 'queueLimitSeconds', maxHold: 'maxHoldSeconds', maxTimeout: 'maxTaskTimeoutSeconds' };
  for (const [flag, name] of Object.entries(durations)) {
    if (flags[flag] !== undefined) settings[name] = Math.round(parseDuration(String(flags[flag])) / 1_000);
  }
  if (flags.maxWorkers !== undefined) settings.maxWorkers = count('--max-workers', String(flags.maxWorkers));
  if (flags.maxTasks !== undefined) settings.maxTasks = count('--max-tasks', String(flags.maxTasks));
  if (flags.ephemeral !== undefined) settings.ephemeral = flags.ephemeral;
  return settings;
}

const list: Verb = {
  word: 'list',
  summary: 'list pools with their settings',
  examples: [['pwagent pools', 'all of them']],
  define: withLimit,
  async act(session, flags) {
    const shape = { schema: listAnswer, items: ({ pools }: z.output<typeof listAnswer>) => pools };
    const { items, next } = await listAll(session, flags, '/pools', shape);
    session.show({ pools: items, next }, () => table(HEADS, items.map(rowOf), session.context.stdout.colour));
  },
};

const create: Verb = {
  word: 'create',
  summary: 'make a pool',
  examples: [['pwagent pools create macs --queue-limit 2h --max-tasks 20', 'with limits of its own']],
  define: (command) => withSettings(command.argument('<name>', 'name of the pool')),
  async act({ api, context, show }, flags, [name = '']) {
    const pool = await api.ask('/pools', poolSchema, context.stop, {
      method: 'POST',
      body: { name, settings: settingsOf(flags) },
    });
    show(pool, () => table(HEADS, [rowOf(pool)], context.stdout.colour));
  },
};

const set: Verb = {
  word: 'set',
  summary: 'change settings of a pool; what is not named stays',
  examples: [
    ['pwagent pools set macs --queue-limit 0 --max-workers none', 'tasks wait for ever, any number of workers'],
  ],
  define: (command) => withSettings(command.argument('<name>', 'name of the pool')),
  async act({ api, context, show }, flags, [name = '']) {
    const path = `/pools/${encodeURIComponent(name)}`;
    const pool = await api.ask(path, poolSchema, context.stop, { method: 'PATCH', body: settingsOf(flags) });
    show(pool, () => table(HEADS, [rowOf(pool)], context.stdout.colour));
  },
};

const remove: Verb = {
  word: 'remove',
  summary: 'remove a pool without workers; its tokens end with it',
  examples: [['pwagent pools remove macs', 'by its name']],
  define: (command) => command.argument('<name>', 'name of the pool'),
  async act({ api, context, show }, _flags, [name = '']) {
    await api.ask(`/pools/${encodeURIComponent(name)}`, z.undefined(), context.stop, { method: 'DELETE' });
    show({ pool: name, state: 'removed' }, () => `pool ${name} is removed\n`);
  },
};

const GROUP: VerbGroup = { name: 'pools', summary: 'Pools of workers.', verbs: [list, create, set, remove] };

/** `pwagent pools [list|create|set|remove]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
