import type { Migration } from '../migration.ts';

/** What agents tell beside the state of their instructions; all of it bounded per task. */
export const agentReports: Migration = {
  number: 22,
  statements: ({ serial, blob }) => [
    `CREATE TABLE annotations (
      task_id BIGINT NOT NULL, position BIGINT NOT NULL, annotation TEXT NOT NULL, PRIMARY KEY (task_id, position))`,
    `CREATE TABLE agent_notes (
      id ${serial}, task_id BIGINT NOT NULL, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL,
      detail TEXT NOT NULL)`,
    'CREATE INDEX agent_notes_by_task ON agent_notes (task_id, id)',
    `CREATE TABLE agent_summaries (
      task_id BIGINT PRIMARY KEY, finished_ms BIGINT, cache_attempts TEXT NOT NULL, utilization TEXT,
      agent_log ${blob})`,
  ],
};
