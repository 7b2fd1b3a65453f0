import { z } from 'zod';
import type { BuildView, StatusName, TaskView } from '../model.ts';

/** What clients accept from a hub. Unknown keys are let through: a newer hub may say more. */

const STATUS_NAMES = [
  'CREATED',
  'TRIGGERED',
  'SCHEDULED',
  'EXECUTING',
  'ABORTED',
  'FAILED',
  'COMPLETED',
  'SKIPPED',
] as const satisfies readonly StatusName[];

export const statusSchema = z.enum(STATUS_NAMES);
const time = z.string().nullable();

const instruction = z.object({
  name: z.string(),
  kind: z.string(),
  status: statusSchema,
  exitCode: z.number().nullable(),
  durationMs: z.number().nullable(),
});

/** A task as the interface tells it. */
export const taskSchema: z.ZodType<TaskView> = z.object({
  id: z.string(),
  buildId: z.string(),
  name: z.string(),
  status: statusSchema,
  reason: z.string().nullable(),
  worker: z.string().nullable(),
  labels: z.record(z.string(), z.string()),
  resources: z.record(z.string(), z.number()),
  dependsOn: z.array(z.string()),
  createdAt: z.string(),
  startedAt: time,
  finishedAt: time,
  instructions: z.array(instruction),
  run: z.number().default(1),
  runCause: z.enum(['first', 'lost', 'requested']).default('first'),
  previousRun: z.string().nullable().default(null),
  nextRun: z.string().nullable().default(null),
  hold: z.enum(['manual', 'pr-labels', 'lock']).nullable().default(null),
});

/** A build with the address of its page. */
export type PublishedBuild = BuildView & { readonly url: string };

export const publishedBuildSchema: z.ZodType<PublishedBuild> = z.object({
  id: z.string(),
  status: statusSchema,
  branch: z.string(),
  revision: z.string(),
  message: z.string(),
  createdAt: z.string(),
  finishedAt: time,
  repository: z.string().default(''),
  pullRequest: z.number().nullable().default(null),
  priority: z.number().default(0),
  tasks: z.array(taskSchema),
  earlierRuns: z.array(taskSchema).default([]),
  url: z.string(),
});

const problem = z.object({
  file: z.string(),
  severity: z.enum(['error', 'warning']),
  line: z.number(),
  column: z.number(),
  message: z.string(),
  hint: z.string().optional(),
  /** Aliases through which the written text came where it is wrong. */
  used: z.array(z.object({ line: z.number(), column: z.number() })).optional(),
});

export const warningsSchema = z.object({ warnings: z.array(problem) });
export const problemsSchema = z.object({ problems: z.array(problem) });
export const treeSchema = z.object({
  tree: z.string(),
  sizeBytes: z.number().optional(),
  files: z.number().optional(),
});
export const errorSchema = z.object({ error: z.object({ message: z.string(), hint: z.string().optional() }) });

/** Data of a `log` event; `data` is base 64. */
export const logEventSchema = z.object({
  seq: z.number(),
  taskId: z.string(),
  instruction: z.string(),
  offset: z.number(),
  replaces: z.boolean(),
  data: z.base64(),
});
