import type { z } from 'zod';
import type { Caller, Need } from './access.ts';

/** A request as its endpoint sees it: everything has been checked. */
export interface Call<Params, Query, Body> {
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  readonly caller: Caller;
  /** The request itself, for bodies that are streams. Its signal aborts when the client leaves. */
  readonly request: Request;
}

/** An answer in JSON; `body` undefined sends none. */
export interface JsonAnswer {
  readonly status: 200 | 201 | 204 | 422;
  readonly body?: unknown;
}

interface AnswerShape {
  readonly description: string;
  /** Absent for an answer without a body, or one that is not JSON. */
  readonly schema?: z.ZodType;
  /** Where it is not JSON. */
  readonly type?: 'text/event-stream' | 'text/plain' | 'application/octet-stream' | 'application/json';
}

interface EndpointParts<Params extends z.ZodObject, Query extends z.ZodObject, Body extends z.ZodType> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Below `/api/v1`, with `{name}` where a parameter stands. */
  readonly path: string;
  /** Name of the operation in the OpenAPI document. */
  readonly id: string;
  readonly summary: string;
  readonly need: Need;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  /** The body is taken as it comes, of this type, and not read as JSON. */
  readonly stream?: string;
  readonly answers: Readonly<Record<number, AnswerShape>>;
  /** What the audit log says about it; absent where nothing changes. */
  readonly audit?: (call: Call<z.output<Params>, z.output<Query>, z.output<Body>>) => AuditNote;
  run(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): Promise<JsonAnswer | Response>;
}

/** What a change was about, for the audit log; never anything secret. */
export interface AuditNote {
  readonly subject: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** One route with everything that the router and the OpenAPI document need to know about it. */
export interface Endpoint extends Omit<EndpointParts<z.ZodObject, z.ZodObject, z.ZodType>, 'run' | 'audit'> {
  run(call: Call<unknown, unknown, unknown>): Promise<JsonAnswer | Response>;
  audit?(call: Call<unknown, unknown, unknown>): AuditNote;
}

type Empty = z.ZodObject<Record<never, never>>;

/** Declares a route; its handler gets what its schemas make of the request. */
export function endpoint<
  Params extends z.ZodObject = Empty,
  Query extends z.ZodObject = Empty,
  Body extends z.ZodType = z.ZodUndefined,
>(parts: EndpointParts<Params, Query, Body>): Endpoint {
  // The router parses with the very schemas of `parts` before it calls, so the types of the call are as declared.
  return parts as unknown as Endpoint;
}

export function ok(body: unknown): JsonAnswer {
  return { status: 200, body };
}

export const NOTHING: JsonAnswer = { status: 204 };
