import { z } from 'zod';
import { parseConfigFile } from '../../lib/config-file.ts';
import { durationType } from '../../lib/config-types.ts';
import type { Environment } from '../../platform/environment.ts';
import { reservedLabelProblem } from '../labels.ts';
import { secretText } from './secret-text.ts';
import { securitySchema } from './security-schema.ts';
import { standbySchema } from './standby-schema.ts';
import { amounts, byteCount, logLevel, nonEmptyText, scalarText, whole } from './values.ts';

const MAX_MTU = 65_535;
const MAX_ROTATIONS = 1_000_000;

function refuseReserved(labels: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  const problem = reservedLabelProblem(labels);
  if (problem !== undefined)
    context.addIssue({ code: 'custom', path: [problem.label], message: `reserved; ${problem.hint}` });
}

const labels = z.record(z.string(), scalarText, { error: 'expected a map of labels' }).superRefine(refuseReserved);
const images = z.array(nonEmptyText, { error: 'expected a list of images' });
const modifier = z.strictObject({
  match: amounts.nullish(),
  append: z.strictObject({ run: z.array(scalarText, { error: 'expected a list of arguments' }).nullish() }).nullish(),
});

/** Every key of `worker.yml`; specification of the worker, section 3.2. `env` fills in `${NAME}` in secrets; without it they stay. */
export function workerSchema(env: Environment | undefined) {
  return z.strictObject({
    token: secretText(env).nullish(),
    name: nonEmptyText.nullish(),
    labels: labels.nullish(),
    resources: amounts.nullish(),
    rpc: z.strictObject({ endpoint: nonEmptyText.nullish() }).nullish(),
    upstreams: z
      .array(z.strictObject({ token: secretText(env), endpoint: nonEmptyText.nullish() }), {
        error: 'expected a list of upstreams, each with "token" and "endpoint"',
      })
      .max(100)
      .nullish(),
    log: z
      .strictObject({
        level: logLevel.nullish(),
        file: nonEmptyText.nullish(),
        'rotate-size': byteCount.nullish(),
        'max-rotations': whole(MAX_ROTATIONS).nullish(),
      })
      .nullish(),
    security: securitySchema.optional(),
    standby: standbySchema(env).optional(),
    'tart-pre-pull': z
      .strictObject({
        images: images.nullish(),
        'check-interval': durationType.nullish(),
        jitter: durationType.nullish(),
      })
      .nullish(),
    'resource-modifiers': z.array(modifier, { error: 'expected a list of modifiers' }).nullish(),
    tuning: z.strictObject({ vetu: z.strictObject({ mtu: whole(MAX_MTU).nullish() }).nullish() }).nullish(),
  });
}

export type WorkerFile = z.output<ReturnType<typeof workerSchema>>;

/** Reads a worker's YAML file; `{}` for an empty one. Throws `AppError` (CONFIG) with line and column. */
export function parseWorkerFile(text: string, file: string, env: Environment | undefined): WorkerFile {
  return parseConfigFile(text, file, workerSchema(env));
}
