import { z } from 'zod';
import type { Amounts } from '../lib/amounts.ts';
import { parseConfigFile } from '../lib/config-file.ts';
import { AppError } from '../lib/errors.ts';
import { LOG_LEVELS } from '../lib/log.ts';
import { Secret } from '../lib/secret.ts';
import { type Endpoint, parseEndpoint } from '../rpc/endpoint.ts';
import { reservedLabelProblem } from './labels.ts';

/** Text, or a scalar that YAML reads as something else: `name: 123` is the string `123`. */
const scalarText = z.union([z.string(), z.number(), z.boolean()], { error: 'expected text' }).transform(String);
const nonEmptyText = scalarText.refine((text) => text !== '', { error: 'must not be empty' });
const amount = z
  .number({ error: 'expected a number' })
  .refine((value) => Number.isFinite(value) && value >= 0 && value <= 1e9, {
    error: 'expected a number from 0 to 1000000000',
  });
const level = z
  .string()
  .toLowerCase()
  .refine((text) => Object.hasOwn(LOG_LEVELS, text), {
    error: `expected one of ${Object.keys(LOG_LEVELS).join(', ')}`,
  });

function refuseReserved(labels: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  const problem = reservedLabelProblem(labels);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: [problem.label], message: `reserved; ${problem.hint}` });
}

const fileSchema = z.strictObject({
  token: nonEmptyText.optional(),
  name: nonEmptyText.optional(),
  labels: z
    .record(z.string(), scalarText, { error: 'expected a map of labels' })
    .superRefine(refuseReserved)
    .optional(),
  resources: z.record(z.string(), amount, { error: 'expected a map of resources' }).optional(),
  rpc: z.strictObject({ endpoint: nonEmptyText.optional() }).optional(),
  log: z.strictObject({ level: level.optional(), file: nonEmptyText.optional() }).optional(),
});

export type WorkerFile = z.output<typeof fileSchema>;

/** Reads a worker's YAML file. Throws `AppError` (CONFIG) with line and column. */
export function parseWorkerFile(text: string, file: string): WorkerFile {
  return parseConfigFile(text, file, fileSchema);
}

/** What came from flags, each undefined where it was not given. */
export interface WorkerFlags {
  readonly name?: string | undefined;
  readonly token?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly resources?: Amounts | undefined;
  readonly rpcEndpoint?: string | undefined;
}

export interface WorkerOptions {
  readonly name: string;
  readonly token: Secret;
  readonly labels: Readonly<Record<string, string>>;
  readonly resources: Amounts;
  readonly endpoint: Endpoint;
  readonly logLevel: string;
  readonly logFile: string | undefined;
}

/** Where a hub on the same machine listens by default. */
export const DEFAULT_ENDPOINT = 'http://127.0.0.1:7481';

/** The hosted service is gone; a worker that still points there would wait for ever. */
function refuseClosedService({ text, target }: Endpoint): void {
  if (!/(^|\.)cirrus-ci\.com(:\d+)?$/i.test(target)) return;
  throw new AppError('CONFIG', `endpoint ${text}: the hosted Cirrus CI service closed on 1 June 2026`, {
    hint: 'run `pwagent hub` and name it with --rpc-endpoint or rpc.endpoint',
  });
}

/** Merges defaults < file < flags; labels and resources key by key. Throws `AppError` (CONFIG) for what is missing or wrong. */
export function resolveWorkerOptions(file: WorkerFile, flags: WorkerFlags, defaultName: string): WorkerOptions {
  const token = flags.token ?? file.token;
  if (token === undefined || token === '') {
    throw new AppError('CONFIG', 'no registration token', {
      hint: 'give --token-file FILE (the hub wrote one as registration-token in its data folder) or `token:` in the configuration file',
    });
  }
  const reserved = reservedLabelProblem(flags.labels ?? {});
  if (reserved !== undefined)
    throw new AppError('CONFIG', `--labels: "${reserved.label}" is reserved`, { hint: reserved.hint });
  const endpoint = parseEndpoint(flags.rpcEndpoint ?? file.rpc?.endpoint ?? DEFAULT_ENDPOINT);
  refuseClosedService(endpoint);
  return {
    name: flags.name ?? file.name ?? defaultName,
    token: new Secret(token),
    labels: { ...file.labels, ...flags.labels },
    resources: { ...file.resources, ...flags.resources },
    endpoint,
    logLevel: file.log?.level ?? 'info',
    logFile: file.log?.file,
  };
}
