import type { Dialect } from './dialect.ts';

/**
 * One step of the schema, in a file `migrations/NNN-subject.ts`, never edited once released. Times are milliseconds
 * since the Unix epoch, ids whole numbers below 2^53, flags 0 or 1, maps JSON text: BIGINT and TEXT do for all of them,
 * and what differs between the engines is asked of the dialect.
 */
export interface Migration {
  /** Of its file's name. Numbers say the order; gaps are allowed, and a smaller number may come later. */
  readonly number: number;
  readonly statements: (dialect: Dialect) => readonly string[];
}
