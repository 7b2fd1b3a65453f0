import type { Migration } from './migration.ts';
import { beginning } from './migrations/001-beginning.ts';

/** All steps of the schema, in the order of their numbers. */
export const MIGRATIONS: readonly Migration[] = [beginning];
