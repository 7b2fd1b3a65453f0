import { relative, resolve, sep } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { expandText } from '../expansion.ts';
import { findMatches } from '../glob/find-files.ts';
import type { StepContext } from '../instructions/instruction.ts';
import type { ArtifactFile } from './artifacts-api.ts';

/** A file that becomes an artifact, with where it lies. */
export interface FoundFile extends ArtifactFile {
  readonly absolute: string;
}

/** Most lines about skipped things that one step prints. */
const MAX_NOTES = 10;

/**
 * The files that the patterns of an instruction match, each once, in their order. Folders and special files are skipped
 * with a note. Throws `AppError` (CONFIG) for a match outside the working folder; rejects on abort.
 */
export async function collectFiles(
  patterns: readonly string[],
  { environment, process, workingFolder, output }: StepContext,
  signal: AbortSignal,
): Promise<readonly FoundFile[]> {
  const base = resolve(workingFolder);
  const files = new Map<string, FoundFile>();
  const skipped: string[] = [];
  for (const pattern of patterns) {
    for (const { path: absolute, stats } of await findMatches(
      expandText(pattern, environment, process),
      base,
      signal,
    )) {
      const path = relative(base, absolute);
      if (path === '..' || path.startsWith(`..${sep}`)) {
        const hint = 'copy the file into the working folder first';
        throw new AppError('CONFIG', `artifact ${absolute} lies outside the working folder ${base}`, { hint });
      }
      if (stats.isFile()) files.set(path, { path, absolute, size: stats.size });
      else
        skipped.push(
          `${path || '.'} is ${stats.isDirectory() ? 'a folder (its contents match FOLDER/**)' : 'no regular file'}`,
        );
    }
  }
  for (const note of skipped.slice(0, MAX_NOTES)) await output.print(`Skipped: ${note}.`);
  if (skipped.length > MAX_NOTES) await output.print(`Skipped: ${skipped.length - MAX_NOTES} more of this kind.`);
  return [...files.values()];
}
