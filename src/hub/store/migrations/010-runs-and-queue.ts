import type { Migration } from '../migration.ts';

/**
 * Runs of tasks, the queue, execution locks, recorded worlds. Columns that end in `hub_ms` count hub time (`ages.ts`).
 * A task waits for a worker while it has a row in `queue`; `class_id` names what it wants of one.
 */
export const runsAndQueue: Migration = {
  number: 10,
  statements: ({ serial }) => [
    "ALTER TABLE builds ADD COLUMN repository TEXT NOT NULL DEFAULT ''",
    'ALTER TABLE builds ADD COLUMN pull_request BIGINT',
    "ALTER TABLE builds ADD COLUMN pr_labels TEXT NOT NULL DEFAULT '[]'",
    'ALTER TABLE builds ADD COLUMN priority BIGINT NOT NULL DEFAULT 0',
    'CREATE INDEX builds_by_branch ON builds (repository, branch, id)',
    'CREATE INDEX builds_by_pull_request ON builds (repository, pull_request, id)',

    'ALTER TABLE tasks ADD COLUMN run BIGINT NOT NULL DEFAULT 1',
    "ALTER TABLE tasks ADD COLUMN run_cause TEXT NOT NULL DEFAULT 'first'",
    'ALTER TABLE tasks ADD COLUMN previous_id BIGINT',
    'ALTER TABLE tasks ADD COLUMN next_id BIGINT',
    'ALTER TABLE tasks ADD COLUMN given_up BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE tasks ADD COLUMN avoid_worker_id BIGINT',
    "ALTER TABLE tasks ADD COLUMN class_id TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE tasks ADD COLUMN isolation TEXT NOT NULL DEFAULT ''",
    'ALTER TABLE tasks ADD COLUMN hold TEXT',
    'ALTER TABLE tasks ADD COLUMN manual BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE tasks ADD COLUMN stateful BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE tasks ADD COLUMN auto_cancel BIGINT NOT NULL DEFAULT 0',
    "ALTER TABLE tasks ADD COLUMN required_pr_labels TEXT NOT NULL DEFAULT '[]'",
    'ALTER TABLE tasks ADD COLUMN lock_key TEXT',
    'ALTER TABLE tasks ADD COLUMN placed_hub_ms BIGINT',
    'ALTER TABLE tasks ADD COLUMN started_hub_ms BIGINT',
    'UPDATE tasks SET placed_hub_ms = 0 WHERE slot_held = 1',
    'CREATE INDEX tasks_by_lock ON tasks (lock_key, hold)',
    'CREATE INDEX dependencies_by_need ON dependencies (needs_id)',
    'CREATE INDEX decisions_by_task ON decisions (task_id, id)',
    'ALTER TABLE decisions ADD COLUMN world_id BIGINT',

    `CREATE TABLE queue (
      task_id BIGINT PRIMARY KEY REFERENCES tasks(id), build_id BIGINT NOT NULL, class_id TEXT NOT NULL,
      repository TEXT NOT NULL, priority BIGINT NOT NULL, round BIGINT NOT NULL, turn BIGINT NOT NULL,
      queued_hub_ms BIGINT NOT NULL, avoid_worker_id BIGINT, stateful BIGINT NOT NULL)`,
    'CREATE INDEX queue_in_turn ON queue (class_id, turn, task_id)',
    'CREATE INDEX queue_rounds ON queue (class_id, repository, priority, round)',
    'CREATE INDEX queue_by_age ON queue (class_id, queued_hub_ms)',
    `CREATE TABLE queue_classes (
      class_id TEXT PRIMARY KEY, labels TEXT NOT NULL, resources TEXT NOT NULL, isolation TEXT NOT NULL,
      round BIGINT NOT NULL, offered_hub_ms BIGINT NOT NULL)`,
    'CREATE TABLE locks (lock_key TEXT PRIMARY KEY, task_id BIGINT NOT NULL)',
    'CREATE INDEX locks_by_task ON locks (task_id)',
    'CREATE TABLE hub_state (name TEXT PRIMARY KEY, value BIGINT NOT NULL)',
    `CREATE TABLE worlds (id ${serial}, world TEXT NOT NULL)`,
    'CREATE TABLE pool_capacity (pool TEXT PRIMARY KEY, at_ms BIGINT NOT NULL, note TEXT NOT NULL)',
  ],
};
