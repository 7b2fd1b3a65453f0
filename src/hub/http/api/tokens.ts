import { z } from 'zod';
import { pageOf } from '../../page.ts';
import type { IssuedToken, NewToken } from '../../pool-model.ts';
import { endpoint, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { HttpError } from '../http-error.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { issuedTokenSchema, tokenSchema } from '../wire-fleet.ts';
import { nameParams } from './parameters.ts';

const listQuery = pageQuery.extend({
  pool: z.string().max(200).optional(),
  kind: z.enum(['registration', 'api']).optional(),
});
const listAnswer = z.object({ tokens: z.array(tokenSchema), next: z.string().nullable() });
const durationMs = z
  .number()
  .int()
  .min(0)
  .max(3650 * 86_400_000);
const newToken = z.strictObject({
  pool: z.string().max(200).optional().describe('For a registration token: the pool that workers join with it.'),
  role: z.enum(['admin', 'submit', 'read']).optional().describe('For an API token: what its holder may do.'),
  note: z.string().max(200).default(''),
  expiresInMs: durationMs.min(1).optional(),
  token: z
    .string()
    .regex(/^[\x21-\x7e]{8,500}$/)
    .optional()
    .describe('An existing registration token to take over.'),
});
const rotation = z.strictObject({ overlapMs: durationMs.default(0) });
const expiry = z.strictObject({ inMs: durationMs });
const revocation = z.strictObject({ endSessions: z.boolean().default(false) });

const issued = ({ view, token }: IssuedToken) => ({ ...view, token });

function wishOf({ pool, role, note, expiresInMs }: z.output<typeof newToken>): NewToken {
  const both = { note, expiresInMs };
  if (pool !== undefined && role === undefined) return { pool, ...both };
  if (role !== undefined && pool === undefined) return { role, ...both };
  throw new HttpError(400, 'a token is either for a pool or for a role', 'give one of pool and role');
}

/** Tokens of workers and of people. A token itself is in the one answer that issues it and nowhere else. */
export function tokenEndpoints({ administration }: HttpAppDeps) {
  return [
    endpoint({
      method: 'get',
      path: '/tokens',
      id: 'listTokens',
      summary: 'Tokens, newest first, without the tokens themselves.',
      need: 'admin',
      query: listQuery,
      answers: { 200: { description: 'Tokens.', schema: listAnswer } },
      async run({ query }) {
        const { limit, after } = askOf(query);
        const { pool, kind } = query;
        const filter = { ...(pool === undefined ? {} : { pool }), ...(kind === undefined ? {} : { kind }) };
        const all = await administration.listTokens(filter);
        const start = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
        const { items, next } = pageOf(all.slice(start, start + limit + 1), limit, ({ id }) => id);
        return ok({ tokens: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'post',
      path: '/tokens',
      id: 'createToken',
      summary: 'Issues a token for a pool or a role, or takes over an existing registration token.',
      need: 'admin',
      body: newToken,
      answers: { 201: { description: 'The token.', schema: issuedTokenSchema } },
      audit: ({ body }) => ({
        subject: body.pool ?? body.role ?? '',
        detail: { note: body.note, imported: body.token !== undefined },
      }),
      async run({ body }) {
        const wish = wishOf(body);
        if (body.token === undefined) return { status: 201, body: issued(await administration.createToken(wish)) };
        if (!('pool' in wish)) throw new HttpError(400, 'only registration tokens can be taken over', 'give a pool');
        const view = await administration.importToken(wish, body.token);
        return { status: 201, body: { ...view, token: '' } };
      },
    }),
    endpoint({
      method: 'post',
      path: '/tokens/{name}/rotate',
      id: 'rotateToken',
      summary: 'Issues a successor; the old one stays good for a while.',
      need: 'admin',
      params: nameParams,
      body: rotation,
      answers: { 200: { description: 'The successor.', schema: issuedTokenSchema } },
      audit: ({ params, body }) => ({ subject: params.name, detail: body }),
      run: async ({ params, body }) => ok(issued(await administration.rotateToken(params.name, body.overlapMs))),
    }),
    endpoint({
      method: 'post',
      path: '/tokens/{name}/expire',
      id: 'expireToken',
      summary: 'Sets when a token ends, counted from now; 0 = now.',
      need: 'admin',
      params: nameParams,
      body: expiry,
      answers: { 200: { description: 'The token.', schema: tokenSchema } },
      audit: ({ params, body }) => ({ subject: params.name, detail: body }),
      run: async ({ params, body }) => ok(await administration.expireToken(params.name, body.inMs)),
    }),
    endpoint({
      method: 'post',
      path: '/tokens/{name}/revoke',
      id: 'revokeToken',
      summary: 'Ends a token now; `endSessions` also ends the sessions of workers that came with it.',
      need: 'admin',
      params: nameParams,
      body: revocation,
      answers: { 200: { description: 'The token.', schema: tokenSchema } },
      audit: ({ params, body }) => ({ subject: params.name, detail: body }),
      run: async ({ params, body }) => ok(await administration.revokeToken(params.name, body.endSessions)),
    }),
  ];
}
