import { z } from 'zod';
import { CLONE_TOKEN, isEncrypted } from '../../secrets/encrypted.ts';
import { repositoryKey } from '../../source/repository-policy.ts';
import { endpoint, NOTHING, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { askOf, cursorOf, pageQuery } from '../paging.ts';
import { secretSchema } from '../wire-admin.ts';
import { missing } from './parameters.ts';

const listAnswer = z.object({ secrets: z.array(secretSchema), next: z.string().nullable() });
const named = {
  name: z
    .string()
    .max(10_000)
    .refine((name) => isEncrypted(name) || name === CLONE_TOKEN, `expected ENCRYPTED[…] or ${CLONE_TOKEN}`),
  repository: z.string().min(1).max(2_000).nullable().default(null).describe('Only its builds get it; null = all.'),
};
const mapping = z.strictObject({
  ...named,
  value: z
    .string()
    .min(1)
    .max(64 * 1024),
});
const naming = z.strictObject(named);

const scopeOf = (repository: string | null) => (repository === null ? null : repositoryKey(repository));

/** Values that configurations name. They come in here and leave with tasks alone: no route tells one. */
export function secretEndpoints({ vault }: HttpAppDeps) {
  return [
    endpoint({
      method: 'get',
      path: '/secrets',
      id: 'listSecrets',
      summary: 'Names of the secrets that have a value here.',
      need: 'admin',
      query: pageQuery,
      answers: { 200: { description: 'Names.', schema: listAnswer } },
      async run({ query }) {
        const { items, next } = await vault.list(askOf(query));
        return ok({ secrets: items, next: cursorOf(next) });
      },
    }),
    endpoint({
      method: 'put',
      path: '/secrets',
      id: 'mapSecret',
      summary: 'Gives a secret its value, in the place of the one before.',
      need: 'admin',
      body: mapping,
      answers: { 204: { description: 'Kept, sealed.' } },
      audit: ({ body }) => ({ subject: body.name.slice(0, 100), detail: { repository: body.repository } }),
      async run({ body }) {
        await vault.map(body.name, scopeOf(body.repository), body.value);
        return NOTHING;
      },
    }),
    endpoint({
      method: 'post',
      path: '/secrets/remove',
      id: 'removeSecret',
      summary: 'Forgets a secret.',
      need: 'admin',
      body: naming,
      answers: { 204: { description: 'Done.' } },
      audit: ({ body }) => ({ subject: body.name.slice(0, 100), detail: { repository: body.repository } }),
      async run({ body }) {
        if (!(await vault.remove(body.name, scopeOf(body.repository)))) throw missing('secret', body.name);
        return NOTHING;
      },
    }),
  ];
}
