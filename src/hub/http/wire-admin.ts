import { z } from 'zod';

/** What the interface says of crons, secrets and the audit log. */

export const auditEntrySchema = z.object({
  id: z.string(),
  at: z.string(),
  actor: z.string(),
  role: z.string().nullable(),
  address: z.string(),
  action: z.string(),
  subject: z.string(),
  detail: z.record(z.string(), z.unknown()),
});

export const cronSchema = z.object({
  name: z.string(),
  repository: z.string(),
  branch: z.string(),
  expression: z.string().describe('Five fields, UTC.'),
  createdAt: z.string(),
  nextAt: z.string(),
  lastAt: z.string().nullable(),
  lastBuild: z.string().nullable(),
  lastProblem: z.string().nullable().describe('Why the last run started no build.'),
});

export const secretSchema = z.object({
  name: z.string(),
  repository: z.string().nullable().describe('Only builds of this repository get it; null = all.'),
  createdAt: z.string(),
});

export type AuditEntry = z.output<typeof auditEntrySchema>;
export type CronView = z.output<typeof cronSchema>;
export type SecretView = z.output<typeof secretSchema>;
