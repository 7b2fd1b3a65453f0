import { z } from 'zod';

/** What the interface says of workers, pools and tokens. Clients let unknown keys through: a newer hub may say more. */

const nullableTime = z.string().nullable().describe('RFC 3339, UTC.');

const supervisorSchema = z.object({
  phase: z.string(),
  reason: z.string(),
  ageSeconds: z.number(),
  deadlines: z.array(z.object({ rule: z.string(), dueAt: z.string(), suspended: z.boolean() })),
  endReason: z.string().nullable(),
  finishedTasks: z.number(),
  verdict: z.object({ verdict: z.string(), reasons: z.array(z.string()) }).nullable(),
  receivedAt: z.string(),
});

export const workerSchema = z.object({
  name: z.string(),
  pool: z.string(),
  labels: z.record(z.string(), z.string()),
  resources: z.record(z.string(), z.number()),
  runningTasks: z.array(z.string()),
  online: z.boolean(),
  paused: z.boolean().describe('Gets no new tasks: paused by an operator, or draining by itself.'),
  lastSeenAt: z.string(),
  supervisor: supervisorSchema.nullable().describe('What the supervisor of its machine reported last.'),
});

const poolSettingsSchema = z.object({
  queueLimitSeconds: z.number().describe('How long a task may wait for a worker; 0 = for ever.'),
  maxHoldSeconds: z.number(),
  maxTaskTimeoutSeconds: z.number(),
  maxWorkers: z.number().nullable(),
  maxTasks: z.number().nullable(),
  ephemeral: z.boolean(),
});

export const poolSchema = z.object({
  name: z.string(),
  settings: poolSettingsSchema,
  createdAt: z.string(),
  workers: z.number(),
  tokens: z.number(),
});

export const tokenSchema = z.object({
  id: z.string(),
  kind: z.enum(['registration', 'api']),
  pool: z.string().nullable(),
  role: z.enum(['admin', 'submit', 'read']).nullable(),
  note: z.string(),
  state: z.enum(['valid', 'expired', 'revoked']),
  createdAt: z.string(),
  expiresAt: nullableTime,
  revokedAt: nullableTime,
  lastUsedAt: nullableTime,
});

export const issuedTokenSchema = tokenSchema.extend({ token: z.string().describe('Shown this once.') });

export type Worker = z.output<typeof workerSchema>;
export type Pool = z.output<typeof poolSchema>;
export type Token = z.output<typeof tokenSchema>;
export type IssuedToken = z.output<typeof issuedTokenSchema>;

const count = z.number().int().min(0);

/** Settings of a pool as they may be given; what is left out stays as it is. */
export const poolSettingsInput = z.strictObject({
  queueLimitSeconds: count.optional(),
  maxHoldSeconds: count.max(20).optional(),
  maxTaskTimeoutSeconds: count.min(1).optional(),
  maxWorkers: count.nullable().optional(),
  maxTasks: count.nullable().optional(),
  ephemeral: z.boolean().optional(),
});
