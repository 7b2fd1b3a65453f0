import { z } from 'zod';
import { BUILD } from '../../platform/version.ts';
import type { Endpoint } from './endpoint.ts';
import { API_ROOT } from './router.ts';
import { errorSchema } from './wire.ts';

type Json = Readonly<Record<string, unknown>>;

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'openapi-3.0' });
  return rest;
}

function parametersOf({ params, query }: Endpoint): Json[] {
  const list = (place: 'path' | 'query', schema: z.ZodObject | undefined) =>
    Object.entries(schema?.shape ?? {}).map(([name, field]) => {
      const { description, ...shape } = schemaOf(field as z.ZodType, 'input');
      const required = place === 'path' || !(field as z.ZodType).safeParse(undefined).success;
      return { name, in: place, required, schema: shape, ...(description === undefined ? {} : { description }) };
    });
  return [...list('path', params), ...list('query', query)];
}

function bodyOf({ body, stream }: Endpoint): Json {
  if (stream !== undefined) {
    return { requestBody: { required: true, content: { [stream]: { schema: { type: 'string', format: 'binary' } } } } };
  }
  if (body === undefined) return {};
  return { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } };
}

function answersOf({ answers }: Endpoint): Json {
  const own = Object.entries(answers).map(([status, { description, schema, type }]) => {
    if (schema === undefined && type === undefined) return [status, { description }];
    const content = schema === undefined ? { type: 'string' } : schemaOf(schema, 'input');
    return [status, { description, content: { [type ?? 'application/json']: { schema: content } } }];
  });
  const error = {
    description: 'What went wrong, and what to do.',
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
  return Object.fromEntries([...own, ['default', error]]);
}

const NEED: Readonly<Record<Endpoint['need'], string>> = {
  read: 'Role read, submit or admin; none from the machine of a hub that listens on loopback alone.',
  submit: 'Role submit or admin.',
  admin: 'Role admin.',
  report: 'Registration token of a pool, or role submit or admin.',
};

/** The OpenAPI 3.0 document of the interface, made of the very schemas that check requests. */
export function openApiDocument(endpoints: readonly Endpoint[], publicUrl: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const endpoint of endpoints) {
    const { method, path, id, summary, need } = endpoint;
    paths[path] ??= {};
    paths[path][method] = {
      operationId: id,
      summary,
      description: NEED[need],
      parameters: parametersOf(endpoint),
      ...bodyOf(endpoint),
      responses: answersOf(endpoint),
    };
  }
  return {
    openapi: '3.0.3',
    info: { title: 'pwagent hub', version: BUILD.version },
    servers: [{ url: `${publicUrl}${API_ROOT}` }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: schemaOf(errorSchema, 'input') },
    },
  };
}
