import { z } from 'zod';
import { slice } from '../../page.ts';
import { endpoint, NOTHING, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { supervisorReportSchema } from '../request-schemas.ts';
import { workerSchema } from '../wire-fleet.ts';
import { nameParams } from './parameters.ts';

const listAnswer = z.object({ workers: z.array(workerSchema), next: z.string().nullable() });
const poolQuery = z.object({ pool: z.string().max(200).optional().describe('Needed where two pools have the name.') });
const done = { 204: { description: 'Done.' } } as const;

/** Workers: their list, pause and resume, and what the supervisors of their machines report. */
export function workerEndpoints({ core, administration }: HttpAppDeps) {
  const change = (id: string, path: string, summary: string, run: (name: string, pool?: string) => Promise<void>) =>
    endpoint({
      method: 'post',
      path: `/workers/{name}/${path}`,
      id,
      summary,
      need: 'admin',
      params: nameParams,
      query: poolQuery,
      answers: done,
      audit: ({ params, query }) => ({ subject: params.name, detail: { pool: query.pool } }),
      async run({ params, query }) {
        await run(params.name, query.pool);
        return NOTHING;
      },
    });
  return [
    endpoint({
      method: 'get',
      path: '/workers',
      id: 'listWorkers',
      summary: 'Workers by name.',
      need: 'read',
      query: pageQuery.extend({ pool: z.string().max(200).optional() }),
      answers: { 200: { description: 'Workers.', schema: listAnswer } },
      async run({ query }) {
        const all = (await core.listWorkers()).filter(({ pool }) => query.pool === undefined || pool === query.pool);
        const { items, next } = slice(all, askOf(query), ({ name, pool }) => `${name} ${pool}`);
        return ok({ workers: items, next: cursorOf(next) });
      },
    }),
    change('pauseWorker', 'pause', 'Hands out nothing more to the worker; what it runs goes on.', (name, pool) =>
      administration.pauseWorker(name, pool),
    ),
    change('resumeWorker', 'resume', 'Takes a pause back.', (name, pool) => administration.resumeWorker(name, pool)),
    endpoint({
      method: 'delete',
      path: '/workers/{name}',
      id: 'forgetWorker',
      summary: 'Removes a worker that does not run anything; if it still polls, it has to register anew.',
      need: 'admin',
      params: nameParams,
      query: poolQuery,
      answers: done,
      audit: ({ params, query }) => ({ subject: params.name, detail: { pool: query.pool } }),
      async run({ params, query }) {
        await administration.forgetWorker(params.name, query.pool);
        return NOTHING;
      },
    }),
    endpoint({
      method: 'put',
      path: '/workers/{name}/supervisor',
      id: 'reportSupervisor',
      summary: 'Phase, deadlines, verdicts and end reason of the machine of a worker, in the place of the last report.',
      need: 'report',
      params: nameParams,
      body: supervisorReportSchema,
      answers: { 204: { description: 'Kept.' } },
      async run({ params, body }) {
        await core.saveSupervisor(params.name, body);
        return NOTHING;
      },
    }),
  ];
}
