import { z } from 'zod';
import { streamOf } from '../../../lib/byte-stream.ts';
import { endpoint, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { statusSchema, taskSchema } from '../wire.ts';
import { logParams, missing, taskParams } from './parameters.ts';

const listQuery = pageQuery.extend({ status: statusSchema.optional(), build: z.string().max(200).optional() });
const listAnswer = z.object({ tasks: z.array(taskSchema), next: z.string().nullable() });

/** Tasks: their list and their logs. */
export function taskEndpoints({ core }: HttpAppDeps) {
  const taskOf = async (id: string) => {
    const task = await core.getTask(id);
    if (task === undefined) throw missing('task', id);
    return task;
  };
  return [
    endpoint({
      method: 'get',
      path: '/tasks',
      id: 'listTasks',
      summary: 'Tasks, newest first.',
      need: 'read',
      query: listQuery,
      answers: { 200: { description: 'Tasks.', schema: listAnswer } },
      async run({ query }) {
        const { items, next } = await core.listTasks(askOf(query), { status: query.status, buildId: query.build });
        return ok({ tasks: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'get',
      path: '/tasks/{id}',
      id: 'getTask',
      summary: 'One task.',
      need: 'read',
      params: taskParams,
      answers: { 200: { description: 'The task.', schema: taskSchema } },
      run: async ({ params }) => ok(await taskOf(params.id)),
    }),
    endpoint({
      method: 'get',
      path: '/tasks/{id}/logs/{instruction}',
      id: 'readLog',
      summary: 'The whole log of one instruction.',
      need: 'read',
      params: logParams,
      answers: { 200: { description: 'The log as it was written.', type: 'text/plain' } },
      async run({ params: { id, instruction } }) {
        const task = await taskOf(id);
        if (!task.instructions.some(({ name }) => name === instruction)) throw missing('instruction', instruction);
        const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
        return new Response(streamOf(core.readLog(id, instruction)), { headers });
      },
    }),
  ];
}
