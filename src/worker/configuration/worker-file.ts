import { z } from 'zod';
import { parseConfigFile } from '../../lib/config-file.ts';
import { durationType } from '../../lib/config-types.ts';
import { AppError } from '../../lib/errors.ts';
import { LOG_LEVELS } from '../../lib/log.ts';
import type { Environment } from '../../platform/environment.ts';
import { reservedLabelProblem } from '../labels.ts';
import { secretText } from './secret-text.ts';
import { securitySchema } from './security-schema.ts';
import { standbySchema } from './standby-schema.ts';
import { amounts, byteCount, logLevel, nonEmptyText, scalarText, whole } from './values.ts';

const MAX_MTU = 65_535;
const MAX_UPSTREAMS = 100;
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

const rpc = z.strictObject({
  endpoint: nonEmptyText
    .nullish()
    .describe('the hub: http://host:port or https://host:port; default http://127.0.0.1:7481'),
});

const log = z.strictObject({
  level: logLevel.nullish().describe(`${Object.keys(LOG_LEVELS).join(', ')}; default info`),
  file: nonEmptyText.nullish().describe('a file instead of the standard error stream'),
  'rotate-size': byteCount
    .nullish()
    .describe('set the file aside before it grows beyond this: 640 KB, 100 MiB; default never'),
  'max-rotations': whole(MAX_ROTATIONS).nullish().describe('how many files that were set aside stay; 0 keeps all'),
});

const prePull = z.strictObject({
  images: images.nullish().describe('images of Tart to pull ahead of tasks'),
  'check-interval': durationType.nullish().describe('how often, such as 3h; default at every opportunity'),
  jitter: durationType.nullish().describe('drawn on top of it, so that workers do not pull in step'),
});

function upstreams(env: Environment | undefined) {
  const upstream = z.strictObject({ token: secretText(env), endpoint: nonEmptyText.nullish() });
  const error = 'expected a list of upstreams, each with "token" and "endpoint"';
  return z.array(upstream, { error }).max(MAX_UPSTREAMS);
}

/** Every key of `worker.yml`; specification of the worker, section 3.2. `env` fills in `${NAME}` in secrets; without it they stay. */
export function workerSchema(env: Environment | undefined) {
  const vetu = z.strictObject({ mtu: whole(MAX_MTU).nullish().describe('vetu run --net-host-mtu; 0 leaves it out') });
  return z.strictObject({
    token: secretText(env)
      .nullish()
      .describe('registration token of the pool; ${NAME} takes a variable of the environment'),
    name: nonEmptyText.nullish().describe('unique in the pool; default: the host name without .lan and .local'),
    labels: labels.nullish().describe('what tasks may ask for, besides os, arch, version, hostname and name'),
    resources: amounts.nullish().describe('how much of what tasks may use at a time'),
    rpc: rpc.nullish().describe('where the hub is'),
    upstreams: upstreams(env).nullish().describe('several hubs, each with a token; instead of token and rpc'),
    log: log.nullish().describe('where and what the worker logs'),
    security: securitySchema.optional().describe('what tasks may do on this machine'),
    standby: standbySchema(env).optional().describe('a virtual machine that is kept ready'),
    'tart-pre-pull': prePull.nullish().describe('images that are pulled ahead of tasks'),
    'resource-modifiers': z
      .array(modifier, { error: 'expected a list of modifiers' })
      .nullish()
      .describe('extra arguments of virtual machines, for one task at a time'),
    tuning: z.strictObject({ vetu: vetu.nullish() }).nullish().describe('settings of the engines'),
  });
}

export type WorkerFile = z.output<ReturnType<typeof workerSchema>>;

/** Keys at the root of `.cirrus.yml`, the other file that people know. */
const OF_TASKS = /^((?:\w+_)?task|persistent_worker|pipe)\s*:/m;

/** Reads a worker's YAML file; `{}` for an empty one. Throws `AppError` (CONFIG) with line and column. */
export function parseWorkerFile(text: string, file: string, env: Environment | undefined): WorkerFile {
  try {
    return parseConfigFile(text, file, workerSchema(env));
  } catch (error) {
    const foreign = OF_TASKS.exec(text);
    if (!(error instanceof AppError) || foreign === null) throw error;
    const line = text.slice(0, foreign.index).split('\n').length;
    throw new AppError('CONFIG', `"${foreign[1]}" belongs into .cirrus.yml, which lies in the repository`, {
      ...{ place: { file, line, column: 1 }, cause: error },
      hint: 'check that file with `pwagent validate`',
    });
  }
}
