import { z } from 'zod';
import { type Worker, workerSchema } from '../hub/http/wire-fleet.ts';
import { formatDuration } from '../lib/duration.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit, withQuery } from './hub-cli/listing.ts';
import { ago, type Cell, table } from './hub-cli/table.ts';
import { runVerbs, type Verb, type VerbGroup } from './hub-cli/verbs.ts';

const listAnswer = z.object({ workers: z.array(workerSchema), next: z.string().nullable() });

function pairs(map: Readonly<Record<string, unknown>>): string {
  return Object.entries(map)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

function stateOf({ online, paused }: Worker): Cell {
  if (!online) return ['offline', '90'];
  return paused ? ['paused', '33'] : ['online', '32'];
}

function rowOf(worker: Worker, nowMs: number): Cell[] {
  const { name, pool, runningTasks, resources, labels, lastSeenAt, supervisor } = worker;
  const seen = ago(lastSeenAt, nowMs, formatDuration);
  const phase = supervisor === null ? '' : supervisor.phase;
  return [name, pool, stateOf(worker), String(runningTasks.length), seen, phase, pairs(resources), pairs(labels)];
}

const list: Verb = {
  word: 'list',
  summary: 'list workers with what they run',
  examples: [
    ['pwagent workers', 'all of them'],
    ['pwagent workers list --pool macs --json', 'of one pool, for machines'],
  ],
  define: (command) => withLimit(command).option('--pool <name>', 'only those of a pool'),
  async act(session, flags) {
    const shape = { schema: listAnswer, items: ({ workers }: z.output<typeof listAnswer>) => workers };
    const { items, next } = await listAll(session, flags, '/workers', shape, { pool: flags.pool });
    const heads = ['WORKER', 'POOL', 'STATE', 'TASKS', 'SEEN', 'MACHINE', 'RESOURCES', 'LABELS'];
    const nowMs = session.clock.wallMs();
    session.show({ workers: items, next }, () =>
      table(
        heads,
        items.map((worker) => rowOf(worker, nowMs)),
        session.context.stdout.colour,
      ),
    );
  },
};

function verb(word: string, method: 'POST' | 'DELETE', suffix: string, summary: string, became: string): Verb {
  return {
    word,
    summary,
    examples: [
      [`pwagent workers ${word} mac-1`, 'by its name'],
      [`pwagent workers ${word} mac-1 --pool macs`, 'where two pools have the name'],
    ],
    define: (command) => command.argument('<name>', 'name of the worker').option('--pool <name>', 'its pool'),
    async act({ api, context, show }, flags, [name = '']) {
      const path = withQuery(`/workers/${encodeURIComponent(name)}${suffix}`, { pool: flags.pool });
      await api.ask(path, z.undefined(), context.stop, { method });
      show({ worker: name, state: became }, () => `worker ${name} is ${became}\n`);
    },
  };
}

const GROUP: VerbGroup = {
  name: 'workers',
  summary: 'Workers of a hub.',
  verbs: [
    list,
    verb('pause', 'POST', '/pause', 'hand out nothing more to a worker; what it runs goes on', 'paused'),
    verb('resume', 'POST', '/resume', 'take a pause back', 'resumed'),
    verb('forget', 'DELETE', '', 'remove a worker that does not run anything', 'forgotten'),
  ],
};

/** `pwagent workers [list|pause|resume|forget]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
