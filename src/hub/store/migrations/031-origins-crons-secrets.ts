import type { Migration } from '../migration.ts';

/** Where builds came from, crons, and the values of secrets. */
export const originsCronsSecrets: Migration = {
  number: 31,
  statements: ({ blob }) => [
    `CREATE TABLE build_origins (
      build_id BIGINT PRIMARY KEY REFERENCES builds(id) ON DELETE CASCADE, origin TEXT NOT NULL)`,
    `CREATE TABLE crons (
      name TEXT PRIMARY KEY, repository TEXT NOT NULL, branch TEXT NOT NULL, expression TEXT NOT NULL,
      created_ms BIGINT NOT NULL, created_by TEXT NOT NULL, due_ms BIGINT NOT NULL, last_ms BIGINT, last_build BIGINT,
      last_problem TEXT)`,
    `CREATE TABLE secrets (
      name TEXT NOT NULL, repository TEXT NOT NULL, sealed ${blob} NOT NULL, created_ms BIGINT NOT NULL,
      PRIMARY KEY (name, repository))`,
  ],
};
