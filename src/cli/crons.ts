import { z } from 'zod';
import { type CronView, cronSchema } from '../hub/http/wire-admin.ts';
import { formatDuration } from '../lib/duration.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { ago, type Cell, table } from './hub-cli/table.ts';
import { runVerbs, type Verb, type VerbGroup } from './hub-cli/verbs.ts';

const listAnswer = z.object({ crons: z.array(cronSchema), next: z.string().nullable() });
const HEADS = ['CRON', 'EXPRESSION', 'NEXT', 'LAST', 'BUILD', 'BRANCH', 'REPOSITORY', 'PROBLEM'];

function rowOf(cron: CronView, nowMs: number): Cell[] {
  const { name, expression, branch, repository, lastBuild, lastProblem } = cron;
  const [next, last] = [ago(cron.nextAt, nowMs, formatDuration), ago(cron.lastAt, nowMs, formatDuration)];
  return [name, expression, next, last, lastBuild ?? '', branch, repository, [lastProblem ?? '', '31']];
}

const list: Verb = {
  word: 'list',
  summary: 'list crons with when they fire next',
  examples: [['pwagent crons', 'all of them']],
  define: withLimit,
  async act(session, flags) {
    const shape = { schema: listAnswer, items: ({ crons }: z.output<typeof listAnswer>) => crons };
    const { items, next } = await listAll(session, flags, '/crons', shape);
    const nowMs = session.clock.wallMs();
    const rows = () =>
      table(
        HEADS,
        items.map((cron) => rowOf(cron, nowMs)),
        session.context.stdout.colour,
      );
    session.show({ crons: items, next }, rows);
  },
};

const create: Verb = {
  word: 'create',
  summary: 'build the newest commit of a branch by the clock, in UTC',
  examples: [
    [
      'pwagent crons create nightly --repo https://github.com/acme/app.git --branch main --cron "30 2 * * *"',
      'each night',
    ],
  ],
  define: (command) =>
    command
      .argument('<name>', 'its name, which tasks see as CIRRUS_CRON')
      .requiredOption('--repo <url>', 'the repository')
      .requiredOption('--branch <name>', 'the branch')
      .requiredOption('--cron <expression>', 'five fields, in UTC: minute hour day-of-month month day-of-week'),
  async act({ api, context, clock, show }, { repo, branch, cron }, [name = '']) {
    const body = { name, repository: repo, branch, expression: cron };
    const made = await api.ask('/crons', cronSchema, context.stop, { method: 'POST', body });
    show(made, () => table(HEADS, [rowOf(made, clock.wallMs())], context.stdout.colour));
  },
};

const remove: Verb = {
  word: 'delete',
  summary: 'remove a cron',
  examples: [['pwagent crons delete nightly', 'by its name']],
  define: (command) => command.argument('<name>', 'name of the cron'),
  async act({ api, context, show }, _flags, [name = '']) {
    await api.ask(`/crons/${encodeURIComponent(name)}`, z.undefined(), context.stop, { method: 'DELETE' });
    show({ cron: name, state: 'deleted' }, () => `cron ${name} is deleted\n`);
  },
};

const GROUP: VerbGroup = { name: 'crons', summary: 'Builds that start by the clock.', verbs: [list, create, remove] };

/** `pwagent crons [list|create|delete]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
