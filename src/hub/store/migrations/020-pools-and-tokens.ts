import type { Migration } from '../migration.ts';

/** Settings of pools; one table for tokens of both kinds, with names, ends and last use; what tells workers apart. */
export const poolsAndTokens: Migration = {
  number: 20,
  statements: () => [
    `ALTER TABLE pools ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'`,
    `CREATE TABLE tokens (
      id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, pool_id BIGINT REFERENCES pools(id), role TEXT, note TEXT NOT NULL,
      created_ms BIGINT NOT NULL, expires_ms BIGINT, revoked_ms BIGINT, used_ms BIGINT)`,
    `INSERT INTO tokens (id, hash, pool_id, note, created_ms)
      SELECT substr(hash, 1, 10), hash, pool_id, '', created_ms FROM registration_tokens`,
    `INSERT INTO tokens (id, hash, role, note, created_ms)
      SELECT substr(hash, 1, 10), hash, role, '', created_ms FROM api_tokens`,
    'DROP TABLE registration_tokens',
    'DROP TABLE api_tokens',
    'ALTER TABLE sessions ADD COLUMN token_id TEXT',
    `ALTER TABLE workers ADD COLUMN called TEXT NOT NULL DEFAULT ''`,
    `ALTER TABLE workers ADD COLUMN peer TEXT NOT NULL DEFAULT ''`,
    'ALTER TABLE workers ADD COLUMN ephemeral BIGINT NOT NULL DEFAULT 0',
  ],
};
