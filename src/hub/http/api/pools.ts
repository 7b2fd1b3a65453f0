import { z } from 'zod';
import { slice } from '../../page.ts';
import type { PoolSettings } from '../../pool-model.ts';
import { endpoint, NOTHING, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { poolSchema, poolSettingsInput } from '../wire-fleet.ts';
import { missing, nameParams } from './parameters.ts';

const listAnswer = z.object({ pools: z.array(poolSchema), next: z.string().nullable() });
const newPool = z.strictObject({ name: z.string().min(1).max(200), settings: poolSettingsInput.default({}) });

/** Leaves out what was not given: an explicit `undefined` would count as a value. */
function chosen(settings: z.output<typeof poolSettingsInput>): Partial<PoolSettings> {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}

/** Pools and their settings. */
export function poolEndpoints({ administration }: HttpAppDeps) {
  return [
    endpoint({
      method: 'get',
      path: '/pools',
      id: 'listPools',
      summary: 'Pools by name.',
      need: 'read',
      query: pageQuery,
      answers: { 200: { description: 'Pools.', schema: listAnswer } },
      async run({ query }) {
        const { items, next } = slice(await administration.listPools(), askOf(query), ({ name }) => name);
        return ok({ pools: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'get',
      path: '/pools/{name}',
      id: 'getPool',
      summary: 'One pool.',
      need: 'read',
      params: nameParams,
      answers: { 200: { description: 'The pool.', schema: poolSchema } },
      async run({ params }) {
        const pool = (await administration.listPools()).find(({ name }) => name === params.name);
        if (pool === undefined) throw missing('pool', params.name);
        return ok(pool);
      },
    }),
    endpoint({
      method: 'post',
      path: '/pools',
      id: 'createPool',
      summary: 'Makes a pool.',
      need: 'admin',
      body: newPool,
      answers: { 201: { description: 'The pool.', schema: poolSchema } },
      audit: ({ body }) => ({ subject: body.name, detail: body.settings }),
      run: async ({ body }) => ({
        status: 201,
        body: await administration.createPool(body.name, chosen(body.settings)),
      }),
    }),
    endpoint({
      method: 'patch',
      path: '/pools/{name}',
      id: 'setPool',
      summary: 'Changes settings of a pool.',
      need: 'admin',
      params: nameParams,
      body: poolSettingsInput,
      answers: { 200: { description: 'The pool.', schema: poolSchema } },
      audit: ({ params, body }) => ({ subject: params.name, detail: body }),
      run: async ({ params, body }) => ok(await administration.updatePool(params.name, chosen(body))),
    }),
    endpoint({
      method: 'delete',
      path: '/pools/{name}',
      id: 'removePool',
      summary: 'Removes a pool without workers; its tokens end with it.',
      need: 'admin',
      params: nameParams,
      answers: { 204: { description: 'Done.' } },
      audit: ({ params }) => ({ subject: params.name }),
      async run({ params }) {
        await administration.removePool(params.name);
        return NOTHING;
      },
    }),
  ];
}
