import { z } from 'zod';
import { AppError } from '../../../lib/errors.ts';
import { type StartOutcome, startRepositoryBuild, startTreeBuild } from '../../build-starter.ts';
import type { BuildView } from '../../model.ts';
import { endpoint, ok } from '../endpoint.ts';
import { buildFeed, overviewFeed } from '../event-feeds.ts';
import { eventResponse } from '../event-response.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { HttpError } from '../http-error.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { type NewBuildRequest, newBuildSchema, wholeNumber } from '../request-schemas.ts';
import { problemsSchema, publishedBuildSchema, statusSchema, treeSchema, warningsSchema } from '../wire.ts';
import { buildParams, missing } from './parameters.ts';

const listQuery = pageQuery.extend({ status: statusSchema.optional(), branch: z.string().max(200).optional() });
const listAnswer = z.object({ builds: z.array(publishedBuildSchema), next: z.string().nullable() });
const events = { description: 'An event stream.', type: 'text/event-stream' } as const;

function refuseWhileDraining({ isDraining }: HttpAppDeps): void {
  if (!isDraining()) return;
  throw new AppError('TEMPORARY', 'this hub is on its way out and takes no new builds', {
    hint: 'try again in a moment',
  });
}

/** The schema has seen to it that what belongs together is there. */
function startBuild(deps: HttpAppDeps, body: NewBuildRequest, signal: AbortSignal): Promise<StartOutcome> {
  const { tree = '', repository, branch, message = '', config, environment, priority } = body;
  const rest = { environment, priority };
  if (repository !== undefined) {
    return startRepositoryBuild(deps, { ...repository, branch, configPath: config?.path, ...rest }, signal);
  }
  const { path = '', text = '' } = config ?? {};
  return startTreeBuild(deps, { tree, branch: branch ?? '', message, config: { path, text }, ...rest }, signal);
}

/** Builds: their list, their events, their start. */
export function buildEndpoints(deps: HttpAppDeps) {
  const { core, clock, publicUrl, source, stop } = deps;
  const present = (build: BuildView) => ({ ...build, url: `${publicUrl()}/builds/${build.id}` });
  const feeds = { core, clock, present };
  const buildOf = async (id: string): Promise<BuildView> => {
    const build = await core.getBuild(id);
    if (build === undefined) throw missing('build', id);
    return build;
  };
  return [
    endpoint({
      method: 'get',
      path: '/builds',
      id: 'listBuilds',
      summary: 'Builds, newest first.',
      need: 'read',
      query: listQuery,
      answers: { 200: { description: 'Builds.', schema: listAnswer } },
      async run({ query }) {
        const { items, next } = await core.listBuilds(askOf(query), { status: query.status, branch: query.branch });
        return ok({ builds: items.map(present), next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'post',
      path: '/builds',
      id: 'createBuild',
      summary: 'Starts a build of an uploaded work tree, or of a revision of a repository.',
      need: 'submit',
      body: newBuildSchema,
      answers: {
        201: { description: 'The build.', schema: publishedBuildSchema.and(warningsSchema) },
        422: { description: 'The configuration is refused.', schema: problemsSchema },
      },
      audit: ({ body }) => ({
        subject: body.repository?.url ?? 'work tree',
        detail: { branch: body.branch, rev: body.repository?.rev, message: body.message?.slice(0, 200) },
      }),
      async run({ body, request }) {
        refuseWhileDraining(deps);
        const outcome = await startBuild(deps, body, request.signal);
        if (outcome.kind === 'refused') return { status: 422, body: { problems: outcome.problems } };
        return { status: 201, body: { ...present(outcome.build), warnings: outcome.warnings } };
      },
    }),
    endpoint({
      method: 'get',
      path: '/builds/{id}',
      id: 'getBuild',
      summary: 'One build with its tasks.',
      need: 'read',
      params: buildParams,
      answers: { 200: { description: 'The build.', schema: publishedBuildSchema } },
      run: async ({ params }) => ok(present(await buildOf(params.id))),
    }),
    endpoint({
      method: 'get',
      path: '/builds/{id}/events',
      id: 'followBuild',
      summary: 'Events of a build until it is over: `build`, `log`, `end`. `Last-Event-ID` or `after` resumes.',
      need: 'read',
      params: buildParams,
      query: z.object({ after: z.string().optional().describe('Only log chunks with a larger number.') }),
      answers: { 200: events },
      async run({ params, query, request }) {
        const build = await buildOf(params.id);
        const resumed = wholeNumber(request.headers.get('last-event-id') ?? undefined, 'Last-Event-ID', 0);
        const afterSeq = wholeNumber(query.after, 'after', resumed);
        return eventResponse((signal) => buildFeed(feeds, build, afterSeq, signal), stop);
      },
    }),
    endpoint({
      method: 'get',
      path: '/events',
      id: 'followOverview',
      summary: 'Newest builds and all workers, after each change: `overview`.',
      need: 'read',
      answers: { 200: events },
      run: async () => eventResponse((signal) => overviewFeed(feeds, signal), stop),
    }),
    endpoint({
      method: 'put',
      path: '/trees',
      id: 'uploadTree',
      summary: 'Stores a work tree for a build.',
      need: 'submit',
      stream: 'application/x-tar',
      answers: { 200: { description: 'What was stored.', schema: treeSchema } },
      async run({ request }) {
        refuseWhileDraining(deps);
        if (request.body === null) throw new HttpError(400, 'the body is empty', 'send the work tree as a tar stream');
        const { treeId, sizeBytes, files } = await source.putTree(request.body, request.signal);
        return ok({ tree: treeId, sizeBytes, files });
      },
    }),
  ];
}
