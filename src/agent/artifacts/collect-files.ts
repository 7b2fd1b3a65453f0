import { relative, resolve, sep } from 'node:path';
import { AppError } from '../../lib/errors.ts';
import { printable } from '../../lib/printable.ts';
import { expandText } from '../expansion.ts';
import { findFiles, type Match } from '../glob/find-files.ts';
import type { StepContext, StepOutput } from '../instructions/instruction.ts';
import type { ArtifactFile } from './artifacts-api.ts';

/** A file that becomes an artifact, with where it lies. */
export interface FoundFile extends ArtifactFile {
  readonly absolute: string;
}

/** Most lines about skipped things that one step prints. */
const MAX_NOTES = 10;

const MAX_NAME_LENGTH = 300;

/** A path as it stands in the log: one line, whatever is in the name. */
export const shownPath = (path: string) => printable(path || '.', MAX_NAME_LENGTH);

/** At the first match, not after all of them: from a wrong folder, a pattern may find half of the machine. */
function refuseOutside(absolute: string, base: string): void {
  const path = relative(base, absolute);
  if (path !== '..' && !path.startsWith(`..${sep}`)) return;
  const hint = 'copy the file into the working folder first';
  const what = `artifact ${shownPath(absolute)} lies outside the working folder ${base}`;
  throw new AppError('CONFIG', what, { hint });
}

/** Why something that was matched is no artifact; undefined when it is one. */
function whySkipped({ path, stats }: Match): string | undefined {
  if (stats.isDirectory()) return 'a folder (its contents match FOLDER/**)';
  if (!stats.isFile()) return 'no regular file';
  return path.isWellFormed() ? undefined : 'a name that is not UTF-8, which artifacts cannot have';
}

async function tellSkipped(skipped: readonly string[], output: StepOutput): Promise<void> {
  for (const note of skipped.slice(0, MAX_NOTES)) await output.print(`Skipped: ${note}.`);
  if (skipped.length > MAX_NOTES) await output.print(`Skipped: ${skipped.length - MAX_NOTES} more of this kind.`);
}

/**
 * The files that the patterns of an instruction match, each once, in their order. Folders, special files and what this
 * user may not look into are skipped with a note. Throws `AppError` (CONFIG) for a match outside the working folder;
 * rejects on abort.
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
    const expanded = expandText(pattern, environment, process);
    const { matches, closed } = await findFiles(expanded, base, (path) => refuseOutside(path, base), signal);
    for (const match of matches) {
      const path = relative(base, match.path);
      const why = whySkipped(match);
      if (why === undefined) files.set(path, { path, absolute: match.path, size: match.stats.size });
      else skipped.push(`${shownPath(path)} is ${why}`);
    }
    skipped.push(...closed.map((path) => `this user may not look into ${shownPath(relative(base, path))}`));
  }
  await tellSkipped(skipped, output);
  return [...files.values()];
}
