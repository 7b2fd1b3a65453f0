import { z } from 'zod';
import { auditEntrySchema } from '../hub/http/wire-admin.ts';
import type { CliContext } from './context.ts';
import { listAll, withLimit } from './hub-cli/listing.ts';
import { table } from './hub-cli/table.ts';
import { runVerbs, type VerbGroup } from './hub-cli/verbs.ts';

const listAnswer = z.object({ entries: z.array(auditEntrySchema), next: z.string().nullable() });

const GROUP: VerbGroup = {
  name: 'audit',
  summary: 'Who did what to the hub.',
  verbs: [
    {
      word: '',
      summary: 'Who did what to the hub, and when; newest first.',
      examples: [['pwagent audit --limit 200 --json', 'for machines']],
      define: withLimit,
      async act(session, flags) {
        const shape = { schema: listAnswer, items: ({ entries }: z.output<typeof listAnswer>) => entries };
        const { items, next } = await listAll(session, flags, '/audit', shape);
        session.show({ entries: items, next }, () => {
          const rows = items.map(({ at, actor, role, address, action, subject, detail }) => [
            ...[at, actor, role ?? '', address, action, subject, JSON.stringify(detail)],
          ]);
          const heads = ['AT', 'WHO', 'ROLE', 'FROM', 'ACTION', 'SUBJECT', 'DETAIL'];
          return table(heads, rows, session.context.stdout.colour);
        });
      },
    },
  ],
};

/** `pwagent audit` */
export function run(args: readonly string[], context: CliContext): Promise<number> {
  return runVerbs(GROUP, args, context);
}
