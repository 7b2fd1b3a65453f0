import type { Migration } from './migration.ts';
import { beginning } from './migrations/001-beginning.ts';
import { logContent } from './migrations/002-log-content.ts';
import { severalHubs } from './migrations/003-several-hubs.ts';
import { runsAndQueue } from './migrations/010-runs-and-queue.ts';
import { poolsAndTokens } from './migrations/020-pools-and-tokens.ts';
import { blobs } from './migrations/021-blobs.ts';
import { agentReports } from './migrations/022-agent-reports.ts';
import { audit } from './migrations/030-audit.ts';
import { originsCronsSecrets } from './migrations/031-origins-crons-secrets.ts';

/** All steps of the schema, in the order of their numbers. */
export const MIGRATIONS: readonly Migration[] = [
  beginning,
  logContent,
  severalHubs,
  runsAndQueue,
  poolsAndTokens,
  blobs,
  agentReports,
  audit,
  originsCronsSecrets,
];
