import type { Migration } from '../migration.ts';

/**
 * What is known of caches, artifacts and their uploads; the content itself is in the blob store under the name in
 * `object`. A row in `uploads` is a promise to an agent; rows in `doomed_blobs` are objects that nobody names any more.
 */
export const blobs: Migration = {
  number: 21,
  statements: ({ blob }) => [
    `CREATE TABLE hub_keys (id TEXT PRIMARY KEY, purpose TEXT NOT NULL, secret ${blob} NOT NULL, created_ms BIGINT NOT NULL)`,
    `CREATE TABLE caches (
      scope TEXT NOT NULL, cache_key TEXT NOT NULL, object TEXT NOT NULL UNIQUE, size BIGINT NOT NULL,
      digest TEXT NOT NULL,
      task_id BIGINT NOT NULL, created_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL, PRIMARY KEY (scope, cache_key))`,
    'CREATE INDEX caches_by_use ON caches (used_ms)',
    `CREATE TABLE artifacts (
      task_id BIGINT NOT NULL, name TEXT NOT NULL, path TEXT NOT NULL, type TEXT NOT NULL, format TEXT NOT NULL,
      object TEXT NOT NULL UNIQUE, size BIGINT NOT NULL, digest TEXT NOT NULL, created_ms BIGINT NOT NULL,
      PRIMARY KEY (task_id, name, path))`,
    `CREATE TABLE uploads (
      object TEXT PRIMARY KEY, kind TEXT NOT NULL, task_id BIGINT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL,
      max_size BIGINT NOT NULL, stored_size BIGINT, digest TEXT, remote_id TEXT, expires_ms BIGINT NOT NULL)`,
    'CREATE INDEX uploads_by_task ON uploads (task_id, kind, scope, name)',
    'CREATE INDEX uploads_by_name ON uploads (kind, scope, name)',
    `CREATE TABLE upload_parts (
      object TEXT NOT NULL REFERENCES uploads(object), part BIGINT NOT NULL, size BIGINT NOT NULL, etag TEXT NOT NULL,
      PRIMARY KEY (object, part))`,
    'CREATE TABLE doomed_blobs (object TEXT PRIMARY KEY, due_ms BIGINT NOT NULL)',
  ],
};
