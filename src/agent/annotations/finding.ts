import { AppError } from '../../lib/errors.ts';

export type Level = 'notice' | 'warning' | 'failure';

/** Something that a test or a linter has to say, about a place where there is one. Lines and columns count from 1. */
export interface Finding {
  readonly level: Level;
  readonly message: string;
  readonly details?: string | undefined;
  /** `package.Class.name` of a test. */
  readonly name?: string | undefined;
  readonly path?: string | undefined;
  readonly startLine?: number | undefined;
  readonly endLine?: number | undefined;
  readonly startColumn?: number | undefined;
  readonly endColumn?: number | undefined;
}

/** Reads a report. Throws `AppError` (CONFIG) where it is not of its format. */
export type ReadReport = (text: string) => readonly Finding[] | Promise<readonly Finding[]>;

export function wrongReport(what: string, cause?: unknown): AppError {
  const hint = 'check that the key "format" names the format that the tool writes';
  return new AppError('CONFIG', what, { hint, cause });
}
