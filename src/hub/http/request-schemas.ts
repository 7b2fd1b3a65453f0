import { z } from 'zod';
import { isBranchName } from '../source/work-tree-rules.ts';
import { HttpError } from './http-error.ts';

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'expected a variable name');

const branchName = z.string().refine(isBranchName, 'expected a branch name that git accepts');

/** Body of `POST /api/v1/builds`: an uploaded work tree with its configuration, or a revision of a repository. */
export const newBuildSchema = z
  .strictObject({
    /** From the answer to `PUT /api/v1/trees`. */
    tree: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'expected the id of an uploaded work tree')
      .optional(),
    repository: z
      .strictObject({ url: z.string().max(2_000), rev: z.string().max(200).optional() })
      .optional()
      .describe('`rev` is a commit, branch or tag; without it, the newest of the branch.'),
    branch: branchName.optional(),
    message: z
      .string()
      .max(64 * 1024)
      .optional(),
    config: z
      .strictObject({
        path: z.string().min(1).max(4_096),
        text: z
          .string()
          .max(1024 * 1024)
          .optional(),
      })
      .optional(),
    environment: z.record(variableName, z.string().max(64 * 1024)).default({}),
    priority: z.number().int().min(-100).max(100).optional(),
  })
  .superRefine((value, context) => {
    const complain = (message: string, ...path: string[]) => context.addIssue({ code: 'custom', message, path });
    const { tree, repository, branch, message, config } = value;
    if ((tree === undefined) === (repository === undefined)) complain('give one of tree and repository');
    if (tree !== undefined) {
      if (branch === undefined) complain('is needed with a tree', 'branch');
      if (message === undefined) complain('is needed with a tree', 'message');
      if (config?.text === undefined) complain('is needed with a tree', 'config', 'text');
    } else if (config?.text !== undefined) complain('comes from the repository', 'config', 'text');
    else if (message !== undefined) complain('comes from the repository', 'message');
  });

export type NewBuildRequest = z.output<typeof newBuildSchema>;

/** Longest name of a worker, and longest sentence of a supervisor, that is kept. */
export const MAX_NAME = 200;
const MAX_SENTENCE = 1_000;

const sentence = z.string().transform((text) => text.replace(/\p{Cc}+/gu, ' ').slice(0, MAX_SENTENCE));

/** What the supervisor of a machine tells. */
export const supervisorReportSchema = z.object({
  phase: sentence,
  reason: sentence,
  ageSeconds: z.number(),
  deadlines: z.array(z.object({ rule: sentence, dueAt: z.iso.datetime(), suspended: z.boolean() })).max(20),
  endReason: sentence.nullable(),
  finishedTasks: z.number(),
  verdict: z.object({ verdict: sentence, reasons: z.array(sentence).max(50) }).nullable(),
});

const MAX_JSON_BYTES = 4 * 1024 * 1024;

async function boundedText(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_JSON_BYTES) throw new HttpError(413, 'the body is larger than 4 MiB');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Reads a JSON body as `schema` wants it. Throws `HttpError` 400 or 413. */
export async function readJson<Schema extends z.ZodType>(request: Request, schema: Schema): Promise<z.output<Schema>> {
  const text = await boundedText(request);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError(400, 'the body is not JSON');
  }
  return parsed(schema, value, (path) => path || 'the body');
}

/** `value` as `schema` makes it. `nameOf` tells people what a path in it is called. Throws `HttpError` 400. */
export function parsed<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  nameOf: (path: string) => string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new HttpError(
    400,
    result.error.issues.map(({ path, message }) => `${nameOf(path.join('.'))}: ${message}`).join('; '),
  );
}

/** A whole number of a query or header, or `fallback` when it is not there. Throws `HttpError` 400 for anything else. */
export function wholeNumber(text: string | undefined, name: string, fallback: number): number {
  if (text === undefined || text === '') return fallback;
  if (!/^\d{1,15}$/.test(text)) throw new HttpError(400, `${name} must be a whole number, not "${text.slice(0, 40)}"`);
  return Number(text);
}
