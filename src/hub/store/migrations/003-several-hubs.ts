import type { Migration } from '../migration.ts';

/** Which hubs serve from the database, and what one process at a time may do. */
export const severalHubs: Migration = {
  number: 3,
  statements: () => [
    // `slot` keeps the ids that hubs give out apart
    'CREATE TABLE hubs (slot BIGINT PRIMARY KEY, name TEXT NOT NULL, seen_ms BIGINT NOT NULL)',
    'CREATE TABLE leases (name TEXT PRIMARY KEY, holder TEXT NOT NULL, until_ms BIGINT NOT NULL)',
  ],
};
