import { z } from 'zod';
import { endpoint, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { auditEntrySchema } from '../wire-admin.ts';

const listAnswer = z.object({ entries: z.array(auditEntrySchema), next: z.string().nullable() });
const meAnswer = z.object({ name: z.string(), role: z.enum(['admin', 'submit', 'read']).nullable() });

/** What was done to the hub, and who asks. */
export function adminEndpoints({ audit }: HttpAppDeps) {
  return [
    endpoint({
      method: 'get',
      path: '/audit',
      id: 'listAudit',
      summary: 'Who did what to this hub, newest first.',
      need: 'admin',
      query: pageQuery,
      answers: { 200: { description: 'Entries.', schema: listAnswer } },
      async run({ query }) {
        const { items, next } = await audit.list(askOf(query));
        return ok({ entries: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'get',
      path: '/me',
      id: 'whoAmI',
      summary: 'Who the caller is to this hub.',
      need: 'read',
      answers: { 200: { description: 'Name and role.', schema: meAnswer } },
      run: async ({ caller: { name, role } }) => ok({ name, role: role ?? null }),
    }),
  ];
}
