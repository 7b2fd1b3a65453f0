import { z } from 'zod';
import { type Endpoint, endpoint, ok } from '../endpoint.ts';
import type { HttpAppDeps } from '../http-app.ts';
import { openApiDocument } from '../openapi.ts';
import { adminEndpoints } from './admin.ts';
import { artifactEndpoints } from './artifacts.ts';
import { buildEndpoints } from './builds.ts';
import { cronEndpoints } from './crons.ts';
import { poolEndpoints } from './pools.ts';
import { secretEndpoints } from './secrets.ts';
import { taskControlEndpoints } from './task-control.ts';
import { taskEndpoints } from './tasks.ts';
import { tokenEndpoints } from './tokens.ts';
import { workerEndpoints } from './workers.ts';

/** Every route of the interface below `/api/v1`, in the order of the document. */
export function apiEndpoints(deps: HttpAppDeps): Endpoint[] {
  const all: Endpoint[] = [
    ...buildEndpoints(deps),
    ...taskEndpoints(deps),
    ...artifactEndpoints(deps),
    ...taskControlEndpoints(deps),
    ...workerEndpoints(deps),
    ...poolEndpoints(deps),
    ...tokenEndpoints(deps),
    ...cronEndpoints(deps),
    ...secretEndpoints(deps),
    ...adminEndpoints(deps),
    endpoint({
      method: 'get',
      path: '/openapi.json',
      id: 'openApi',
      summary: 'This document.',
      need: 'read',
      answers: { 200: { description: 'OpenAPI 3.0.', schema: z.record(z.string(), z.unknown()) } },
      run: async () => ok(openApiDocument(all, deps.publicUrl())),
    }),
  ];
  return all;
}
