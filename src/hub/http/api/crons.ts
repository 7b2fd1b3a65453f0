import { z } from 'zod';
import { isBranchName } from '../../source/work-tree-rules.ts';
import { endpoint, NOTHING, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { cronSchema } from '../wire-admin.ts';
import { missing, nameParams } from './parameters.ts';

const listAnswer = z.object({ crons: z.array(cronSchema), next: z.string().nullable() });
const newCron = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'expected letters, digits, dots, - and _'),
  repository: z.string().max(2_000),
  branch: z.string().refine(isBranchName, 'expected a branch name that git accepts'),
  expression: z.string().max(200),
});

/** Builds that start by the clock. */
export function cronEndpoints({ crons }: HttpAppDeps) {
  return [
    endpoint({
      method: 'get',
      path: '/crons',
      id: 'listCrons',
      summary: 'Crons by name.',
      need: 'read',
      query: pageQuery,
      answers: { 200: { description: 'Crons.', schema: listAnswer } },
      async run({ query }) {
        const { items, next } = await crons.list(askOf(query));
        return ok({ crons: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'post',
      path: '/crons',
      id: 'createCron',
      summary: 'Starts builds of a branch by the clock, in UTC.',
      need: 'admin',
      body: newCron,
      answers: { 201: { description: 'The cron.', schema: cronSchema } },
      audit: ({ body }) => ({ subject: body.name, detail: body }),
      run: async ({ body, caller }) => ({ status: 201, body: await crons.create(body, caller.name) }),
    }),
    endpoint({
      method: 'delete',
      path: '/crons/{name}',
      id: 'deleteCron',
      summary: 'Removes a cron.',
      need: 'admin',
      params: nameParams,
      answers: { 204: { description: 'Done.' } },
      audit: ({ params }) => ({ subject: params.name }),
      async run({ params }) {
        if (!(await crons.remove(params.name))) throw missing('cron', params.name);
        return NOTHING;
      },
    }),
  ];
}
