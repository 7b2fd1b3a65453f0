import type { Hono } from 'hono';
import { streamOf } from '../../lib/byte-stream.ts';
import type { BuildView } from '../model.ts';
import { buildFeed, overviewFeed } from './event-feeds.ts';
import { eventResponse } from './event-response.ts';
import type { HttpAppDeps } from './http-app.ts';
import { HttpError } from './http-error.ts';
import { wholeNumber } from './request-schemas.ts';

const MAX_BUILDS = 200;

function missing(what: string, id: string): HttpError {
  return new HttpError(404, `there is no ${what} ${id.slice(0, 100)}`);
}

/** Everything that only looks: builds, their events and logs, workers. */
export function addReadRoutes(app: Hono, { core, clock, publicUrl, stop }: HttpAppDeps): void {
  const present = (build: BuildView) => ({ ...build, url: `${publicUrl()}/builds/${build.id}` });
  const feeds = { core, clock, present };
  const buildOf = async (id: string): Promise<BuildView> => {
    const build = await core.getBuild(id);
    if (build === undefined) throw missing('build', id);
    return build;
  };
  app.get('/api/v1/builds', async (context) => {
    const limit = Math.min(MAX_BUILDS, wholeNumber(context.req.query('limit'), 'limit', 50));
    return context.json({ builds: (await core.listBuilds(limit)).map(present) });
  });
  app.get('/api/v1/builds/:id', async (context) => context.json(present(await buildOf(context.req.param('id')))));
  app.get('/api/v1/builds/:id/events', async (context) => {
    const build = await buildOf(context.req.param('id'));
    const resumed = wholeNumber(context.req.header('last-event-id'), 'Last-Event-ID', 0);
    const afterSeq = wholeNumber(context.req.query('after'), 'after', resumed);
    return eventResponse((signal) => buildFeed(feeds, build, afterSeq, signal), stop);
  });
  app.get('/api/v1/events', () => eventResponse((signal) => overviewFeed(feeds, signal), stop));
  app.get('/api/v1/workers', async (context) => context.json({ workers: await core.listWorkers() }));
  app.get('/api/v1/tasks/:id/logs/:instruction', async (context) => {
    const { id, instruction } = context.req.param();
    const task = await core.getTask(id);
    if (task === undefined) throw missing('task', id);
    if (!task.instructions.some(({ name }) => name === instruction)) throw missing('instruction', instruction);
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' };
    return new Response(streamOf(core.readLog(id, instruction)), { headers });
  });
}
