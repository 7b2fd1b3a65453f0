import { z } from 'zod';
import type { AgentReportView } from '../agent-report-model.ts';
import type { ArtifactView } from '../blobs/artifact-reader.ts';

/** A file that a task left. */
export const artifactSchema: z.ZodType<ArtifactView> = z.object({
  name: z.string().describe('Of the instruction that brought it.'),
  path: z.string(),
  type: z.string(),
  format: z.string(),
  sizeBytes: z.number(),
  digest: z.string().describe('SHA-256, where the hub took the content in itself.'),
  createdAt: z.string(),
  downloadPath: z.string().describe('Address of a download that needs no token and expires in a few minutes.'),
});

const chart = z.array(z.tuple([z.number(), z.number()])).describe('Seconds since the start, and what was in use.');

/** What the agent of a task told beside its logs and instructions. */
export const agentReportSchema: z.ZodType<AgentReportView> = z.object({
  annotations: z.array(
    z.object({
      type: z.enum(['GENERIC', 'TEST_RESULT', 'LINT_RESULT', 'ANALYSIS_RESULT']),
      level: z.enum(['NOTICE', 'WARNING', 'FAILURE']),
      message: z.string(),
      rawDetails: z.string(),
      fullyQualifiedName: z.string(),
      location: z
        .object({
          path: z.string(),
          startLine: z.number(),
          endLine: z.number(),
          startColumn: z.number(),
          endColumn: z.number(),
        })
        .nullable(),
    }),
  ),
  annotationsCut: z.boolean(),
  notes: z.array(
    z.object({
      kind: z.enum([
        ...(['error', 'warning', 'signal', 'stop-hook'] as const),
        ...(['terminal-attached', 'terminal-started', 'terminal-expiring'] as const),
      ]),
      at: z.string(),
      message: z.string(),
      detail: z.string(),
    }),
  ),
  cacheAttempts: z.array(
    z.object({
      key: z.string(),
      outcome: z.enum(['hit', 'miss', 'error']),
      error: z.string(),
      sizeBytes: z.number(),
      durationsMs: z.record(z.string(), z.number()),
    }),
  ),
  utilization: z.object({ cpu: chart, memory: chart, cpuTotal: z.number(), memoryTotalBytes: z.number() }).nullable(),
});
