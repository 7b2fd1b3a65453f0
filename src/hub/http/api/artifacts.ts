import { z } from 'zod';
import type { ArtifactView } from '../../blobs/artifact-reader.ts';
import { pageOf } from '../../page.ts';
import { endpoint, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { HttpError } from '../http-error.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { agentReportSchema, artifactSchema } from '../wire-artifacts.ts';
import { missing, taskParams } from './parameters.ts';

const listAnswer = z.object({ artifacts: z.array(artifactSchema), next: z.string().nullable() });
const fileQuery = z.object({ name: z.string().max(1_000), path: z.string().max(4_096) });

/** Names and paths have no line breaks in them. */
const keyOf = ({ name, path }: ArtifactView) => `${name}\n${path}`;

function behind(key: string | undefined): Pick<ArtifactView, 'name' | 'path'> | undefined {
  if (key === undefined) return undefined;
  const [name, path] = key.split('\n');
  if (name !== undefined && path !== undefined) return { name, path };
  throw new HttpError(400, 'cursor is not one that this hub gave out', 'take `next` of the answer before');
}

/** What tasks leave: files, and what their agents told. */
export function artifactEndpoints({ core, artifacts }: Pick<HttpAppDeps, 'core' | 'artifacts'>) {
  const taskId = async (id: string) => {
    const task = await core.getTask(id);
    if (task === undefined) throw missing('task', id);
    return Number(task.id);
  };
  return [
    endpoint({
      method: 'get',
      path: '/tasks/{id}/artifacts',
      id: 'listArtifacts',
      summary: 'Files that the task left, by name and path.',
      need: 'read',
      params: taskParams,
      query: pageQuery,
      answers: { 200: { description: 'Artifacts.', schema: listAnswer } },
      async run({ params, query }) {
        const { limit, after } = askOf(query);
        const found = await artifacts.list(await taskId(params.id), limit + 1, behind(after));
        const { items, next } = pageOf(found, limit, keyOf);
        return ok({ artifacts: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'get',
      path: '/tasks/{id}/artifacts/file',
      id: 'downloadArtifact',
      summary: 'Leads to the content of one file.',
      need: 'read',
      params: taskParams,
      query: fileQuery,
      answers: { 302: { description: 'To the content.' } },
      async run({ params, query: { name, path } }) {
        const found = await artifacts.find(await taskId(params.id), name, path);
        if (found === undefined) throw missing('artifact', path);
        return new Response(null, {
          status: 302,
          headers: { location: found.downloadPath, 'cache-control': 'no-store' },
        });
      },
    }),
    endpoint({
      method: 'get',
      path: '/tasks/{id}/report',
      id: 'getAgentReport',
      summary: 'What the agent told: annotations, problems, caches, use of processors and memory.',
      need: 'read',
      params: taskParams,
      answers: { 200: { description: 'The report.', schema: agentReportSchema } },
      run: async ({ params }) => ok(await artifacts.report(await taskId(params.id))),
    }),
    endpoint({
      method: 'get',
      path: '/tasks/{id}/agent-log',
      id: 'readAgentLog',
      summary: "The end of the agent's own log.",
      need: 'read',
      params: taskParams,
      answers: { 200: { description: 'The log.', type: 'text/plain' } },
      async run({ params }) {
        const log = await artifacts.agentLog(await taskId(params.id));
        if (log === undefined) throw missing('agent log of task', params.id);
        const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
        return new Response(new Blob([new Uint8Array(log)]), { headers });
      },
    }),
  ];
}
