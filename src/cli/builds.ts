import { z } from 'zod';
import { type PublishedBuild, publishedBuildSchema } from '../hub/http/wire.ts';
import { formatDuration } from '../lib/duration.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { ago, type Cell, table } from './hub-cli/table.ts';
import { runVerbs, type Verb, type VerbGroup } from './hub-cli/verbs.ts';
import { renderResult } from './submit/render-result.ts';
import { verdictOf } from './submit/text-style.ts';

const listAnswer = z.object({ builds: z.array(publishedBuildSchema), next: z.string().nullable() });

function rowOf(build: PublishedBuild, nowMs: number): Cell[] {
  const { sign, word, code } = verdictOf(build.status);
  const where = build.repository === '' ? build.branch : `${build.repository} ${build.branch}`;
  const title = build.message.split('\n')[0] ?? '';
  const revision = build.revision.slice(0, 10);
  return [build.id, [`${sign} ${word}`, code], ago(build.createdAt, nowMs, formatDuration), where, revision, title];
}

const list: Verb = {
  word: 'list',
  summary: 'list builds, newest first',
  examples: [
    ['pwagent builds', 'the newest 50'],
    ['pwagent builds list --status FAILED --branch main --json', 'for machines'],
  ],
  define: (command) =>
    withLimit(command).option('--status <status>', 'only those').option('--branch <name>', 'only those of a branch'),
  async act(session, flags) {
    const query = {
      status: flags.status === undefined ? undefined : String(flags.status).toUpperCase(),
      branch: flags.branch,
    };
    const shape = { schema: listAnswer, items: ({ builds }: z.output<typeof listAnswer>) => builds };
    const { items, next } = await listAll(session, flags, '/builds', shape, query);
    const heads = ['BUILD', 'STATUS', 'CREATED', 'BRANCH', 'REVISION', 'MESSAGE'];
    const nowMs = session.clock.wallMs();
    session.show({ builds: items, next }, () =>
      table(
        heads,
        items.map((build) => rowOf(build, nowMs)),
        session.context.stdout.colour,
      ),
    );
  },
};

const show: Verb = {
  word: 'show',
  summary: 'show one build with its tasks',
  examples: [['pwagent builds show 1790000000000123', 'by its id']],
  define: (command) => command.argument('<id>', 'id of the build'),
  async act({ api, context, show: print }, _flags, [id = '']) {
    const build = await api.ask(`/builds/${encodeURIComponent(id)}`, publishedBuildSchema, context.stop);
    print(build, () => `${renderResult(build, context.stdout.colour).join('\n')}\n`);
  },
};

const GROUP: VerbGroup = { name: 'builds', summary: 'Builds of a hub.', verbs: [list, show] };

/** `pwagent builds [list|show]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
