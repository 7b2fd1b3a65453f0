import { z } from 'zod';
import { secretSchema } from '../hub/http/wire-admin.ts';
import { formatDuration } from '../lib/duration.ts';
import { AppError } from '../lib/errors.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { readInput } from './hub-cli/read-input.ts';
import { ago, table } from './hub-cli/table.ts';
import { runVerbs, type Verb, type VerbGroup } from './hub-cli/verbs.ts';

const listAnswer = z.object({ secrets: z.array(secretSchema), next: z.string().nullable() });
const REPO = ['--repo <url>', 'only builds of this repository get it (default: all builds)'] as const;
const NAME = ['<name>', 'the whole text ENCRYPTED[…] of the configuration, or CIRRUS_REPO_CLONE_TOKEN'] as const;

const list: Verb = {
  word: 'list',
  summary: 'list the names of secrets that have a value; values are never told',
  examples: [['pwagent secrets', 'all of them']],
  define: withLimit,
  async act(session, flags) {
    const shape = { schema: listAnswer, items: ({ secrets }: z.output<typeof listAnswer>) => secrets };
    const { items, next } = await listAll(session, flags, '/secrets', shape);
    const nowMs = session.clock.wallMs();
    session.show({ secrets: items, next }, () => {
      const rows = items.map(({ repository, createdAt, name }) => [
        ...[repository ?? 'all', ago(createdAt, nowMs, formatDuration), name],
      ]);
      return table(['REPOSITORY', 'MAPPED', 'SECRET'], rows, session.context.stdout.colour);
    });
  },
};

const map: Verb = {
  word: 'map',
  summary: 'give a secret its value, from standard input or a file; it replaces the one before',
  examples: [
    ["pwagent secrets map 'ENCRYPTED[3287dbace8346dfbe98347d1954eca923487fd8ea]' < value", 'from standard input'],
    [
      'pwagent secrets map CIRRUS_REPO_CLONE_TOKEN --repo https://github.com/acme/app --value-file token',
      'a private repository',
    ],
  ],
  define: (command) =>
    command
      .argument(...NAME)
      .option(...REPO)
      .option('--value-file <file>', 'file with the value (default: standard input)'),
  async act({ api, context, show }, { repo, valueFile }, [name = '']) {
    const value = (await readInput(valueFile === undefined ? '-' : String(valueFile))).replace(/\r?\n$/, '');
    if (value === '')
      throw new AppError('CONFIG', 'the value is empty', { hint: 'give it on standard input or in a file' });
    const body = { name, value, repository: repo ?? null };
    await api.ask('/secrets', z.undefined(), context.stop, { method: 'PUT', body });
    show({ secret: name, repository: repo ?? null, state: 'mapped' }, () => `${name} is mapped\n`);
  },
};

const remove: Verb = {
  word: 'remove',
  summary: 'forget the value of a secret',
  examples: [["pwagent secrets remove 'ENCRYPTED[3287dbac]'", 'the one for all builds']],
  define: (command) => command.argument(...NAME).option(...REPO),
  async act({ api, context, show }, { repo }, [name = '']) {
    const body = { name, repository: repo ?? null };
    await api.ask('/secrets/remove', z.undefined(), context.stop, { method: 'POST', body });
    show({ secret: name, repository: repo ?? null, state: 'removed' }, () => `${name} is removed\n`);
  },
};

const GROUP: VerbGroup = {
  name: 'secrets',
  summary: 'Values for ENCRYPTED[…] in configurations, and tokens of private repositories.',
  verbs: [list, map, remove],
};

/** `pwagent secrets [list|map|remove]` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
