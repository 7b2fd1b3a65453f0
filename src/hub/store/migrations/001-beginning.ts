import type { Migration } from '../migration.ts';

/** Pools, tokens, workers, builds, tasks, logs, decisions, supervisors. */
export const beginning: Migration = {
  number: 1,
  statements: ({ blob, serial }) => [
    `CREATE TABLE pools (
      id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms BIGINT NOT NULL)`,
    `CREATE TABLE registration_tokens (
      hash TEXT PRIMARY KEY, pool_id BIGINT NOT NULL REFERENCES pools(id), created_ms BIGINT NOT NULL)`,
    `CREATE TABLE api_tokens (
      hash TEXT PRIMARY KEY, role TEXT NOT NULL, created_ms BIGINT NOT NULL)`,
    `CREATE TABLE workers (
      id BIGINT PRIMARY KEY, pool_id BIGINT NOT NULL REFERENCES pools(id), name TEXT NOT NULL, labels TEXT NOT NULL,
      resources TEXT NOT NULL, disabled BIGINT NOT NULL, draining BIGINT NOT NULL, last_seen_ms BIGINT NOT NULL, UNIQUE (pool_id, name))`,
    `CREATE TABLE sessions (
      hash TEXT PRIMARY KEY, worker_id BIGINT NOT NULL REFERENCES workers(id), created_ms BIGINT NOT NULL)`,
    'CREATE INDEX sessions_by_worker ON sessions (worker_id)',
    `CREATE TABLE builds (
      id BIGINT PRIMARY KEY, branch TEXT NOT NULL, revision TEXT NOT NULL, message TEXT NOT NULL,
      tree_id TEXT NOT NULL, status TEXT NOT NULL, created_ms BIGINT NOT NULL, finished_ms BIGINT)`,
    `CREATE TABLE tasks (
      id BIGINT PRIMARY KEY, build_id BIGINT NOT NULL REFERENCES builds(id), group_id BIGINT NOT NULL,
      name TEXT NOT NULL, status TEXT NOT NULL, reason TEXT, definition ${blob} NOT NULL, labels TEXT NOT NULL,
      resources TEXT NOT NULL, timeout_s BIGINT NOT NULL, allow_failures BIGINT NOT NULL,
      created_ms BIGINT NOT NULL, triggered_ms BIGINT, started_ms BIGINT, finished_ms BIGINT,
      worker_id BIGINT, worker_name TEXT, session_hash TEXT, handouts BIGINT NOT NULL, slot_held BIGINT NOT NULL,
      must_stop BIGINT NOT NULL, client_secret TEXT NOT NULL, server_secret TEXT NOT NULL, agent_problem TEXT)`,
    'CREATE INDEX tasks_by_build ON tasks (build_id, group_id)',
    'CREATE INDEX tasks_by_status ON tasks (status, id)',
    'CREATE INDEX tasks_in_slots ON tasks (slot_held, worker_id)',
    `CREATE TABLE dependencies (
      task_id BIGINT NOT NULL REFERENCES tasks(id), needs_id BIGINT NOT NULL REFERENCES tasks(id),
      PRIMARY KEY (task_id, needs_id))`,
    `CREATE TABLE instructions (
      task_id BIGINT NOT NULL REFERENCES tasks(id), position BIGINT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL,
      status TEXT NOT NULL, exit_code BIGINT, duration_ms BIGINT, killed BIGINT NOT NULL,
      PRIMARY KEY (task_id, position))`,
    `CREATE TABLE logs (
      task_id BIGINT NOT NULL REFERENCES tasks(id), instruction TEXT NOT NULL, size BIGINT NOT NULL,
      PRIMARY KEY (task_id, instruction))`,
    `CREATE TABLE log_chunks (
      seq ${serial}, build_id BIGINT NOT NULL, task_id BIGINT NOT NULL,
      instruction TEXT NOT NULL, start_byte BIGINT NOT NULL, size BIGINT NOT NULL, replaces BIGINT NOT NULL,
      data ${blob} NOT NULL)`,
    'CREATE INDEX log_chunks_by_build ON log_chunks (build_id, seq)',
    'CREATE INDEX log_chunks_by_log ON log_chunks (task_id, instruction, start_byte)',
    `CREATE TABLE log_spool (
      upload TEXT NOT NULL, position BIGINT NOT NULL, data ${blob} NOT NULL, PRIMARY KEY (upload, position))`,
    `CREATE TABLE decisions (
      id ${serial}, at_ms BIGINT NOT NULL, kind TEXT NOT NULL, task_id BIGINT,
      worker TEXT, reason TEXT NOT NULL)`,
    `CREATE TABLE supervisors (
      worker_name TEXT PRIMARY KEY, report TEXT NOT NULL, received_ms BIGINT NOT NULL)`,
  ],
};
