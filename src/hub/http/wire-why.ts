import { z } from 'zod';
import type { DecisionView, WhyView } from '../model.ts';
import { statusSchema } from './wire.ts';

const workerSchema = z.object({
  name: z.string(),
  pool: z.string(),
  state: z.enum(['online', 'offline', 'paused', 'unsteady']),
  largeEnough: z.boolean(),
  running: z.array(z.string()),
  resources: z.record(z.string(), z.number()),
});

const KINDS = [
  ...(['ended', 'running', 'dependencies', 'manual', 'pr-labels', 'lock', 'nobody', 'offline'] as const),
  ...(['paused', 'busy', 'reserved', 'other-worker', 'next'] as const),
] as const satisfies readonly WhyView['kind'][];

/** Answer to "why does it wait". */
export const whySchema: z.ZodType<WhyView> = z.object({
  taskId: z.string(),
  status: statusSchema,
  kind: z.enum(KINDS),
  reason: z.string(),
  missingLabels: z.array(z.object({ name: z.string(), value: z.string(), offered: z.array(z.string()) })),
  missingResources: z.array(z.object({ name: z.string(), wanted: z.number(), largest: z.number() })),
  workers: z.array(workerSchema),
  matchingWorkers: z.number(),
  position: z.object({ place: z.number(), of: z.number(), exact: z.boolean() }).nullable(),
  waitsFor: z.array(z.object({ id: z.string(), name: z.string(), status: statusSchema })),
  lock: z.object({ name: z.string(), heldBy: z.string() }).nullable(),
  missingPullRequestLabels: z.array(z.string()),
  failsAt: z.string().nullable(),
  capacityExpected: z.array(z.object({ pool: z.string(), at: z.string(), note: z.string() })),
});

export const decisionSchema: z.ZodType<DecisionView> = z.object({
  id: z.string(),
  at: z.string(),
  kind: z.string(),
  taskId: z.string(),
  worker: z.string().nullable(),
  reason: z.string(),
});
