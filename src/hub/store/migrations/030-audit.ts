import type { Migration } from '../migration.ts';

/** Who did what to the hub, and when. */
export const audit: Migration = {
  number: 30,
  statements: ({ serial }) => [
    `CREATE TABLE audit (
      id ${serial}, at_ms BIGINT NOT NULL, actor TEXT NOT NULL, role TEXT, address TEXT NOT NULL, action TEXT NOT NULL,
      subject TEXT NOT NULL, detail TEXT NOT NULL)`,
    'CREATE INDEX audit_by_time ON audit (at_ms)',
  ],
};
