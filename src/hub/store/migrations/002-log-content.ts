import type { Migration } from '../migration.ts';

/**
 * The content of logs leaves the table that says in which order it came. `log_tail` keeps it where several hubs must
 * read what one of them takes in, until it is moved out as a segment; what an older pwagent stored begins there too.
 */
export const logContent: Migration = {
  number: 2,
  statements: ({ blob }) => [
    `CREATE TABLE log_tail (
      task_id BIGINT NOT NULL REFERENCES tasks(id), instruction TEXT NOT NULL, start_byte BIGINT NOT NULL,
      size BIGINT NOT NULL, data ${blob} NOT NULL, PRIMARY KEY (task_id, instruction, start_byte))`,
    `INSERT INTO log_tail (task_id, instruction, start_byte, size, data)
      SELECT task_id, instruction, start_byte, size, data FROM log_chunks WHERE size > 0`,
    'ALTER TABLE log_chunks DROP COLUMN data',
    // counts how often the agent's final copy has taken the place of what was streamed; names the files
    'ALTER TABLE logs ADD COLUMN generation BIGINT NOT NULL DEFAULT 0',
    'ALTER TABLE logs ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0',
    `CREATE TABLE log_segments (
      task_id BIGINT NOT NULL REFERENCES tasks(id), instruction TEXT NOT NULL, start_byte BIGINT NOT NULL,
      size BIGINT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (task_id, instruction, start_byte))`,
  ],
};
