import { readFile } from 'node:fs/promises';
import { AppError, describeError } from '../../lib/errors.ts';
import { formatSize } from '../../lib/size.ts';
import { errnoOf } from '../../platform/files.ts';
import { Annotation_Level as AnnotationLevel } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { Annotation, ArtifactsApi } from '../artifacts/artifacts-api.ts';
import { type FoundFile, shownPath } from '../artifacts/collect-files.ts';
import type { StepContext } from '../instructions/instruction.ts';
import { maskText } from '../masker.ts';
import { HUB_BACKOFF, retrying } from '../retry.ts';
import type { Finding, Level } from './finding.ts';
import { FORMATS } from './formats.ts';
import { pathResolver, type ResolvePath } from './source-paths.ts';
import { workTreeFiles } from './work-tree-files.ts';

const MAX_REPORT_BYTES = 64 * 1024 * 1024;
const MAX_FINDINGS = 10_000;
const MAX_MESSAGE_LENGTH = 4_000;
const MAX_DETAILS_LENGTH = 16_000;

/** Findings of one call: with the limits above it stays under the 4 MiB that servers take. */
const BATCH = 100;

const LEVEL: Readonly<Record<Level, AnnotationLevel>> = {
  notice: AnnotationLevel.NOTICE,
  warning: AnnotationLevel.WARNING,
  failure: AnnotationLevel.FAILURE,
};

const cut = (text: string, length: number) => (text.length > length ? `${text.slice(0, length)}…` : text);

/** The wire's form of a finding, with its path as the work tree has it. */
function annotationOf(finding: Finding, resolvePath: ResolvePath, mask: (text: string) => string): Annotation {
  const { startLine = 0, startColumn = 0 } = finding;
  const { endLine = startLine, endColumn = startColumn } = finding;
  const place = {
    path: resolvePath(finding.path ?? ''),
    startLine: BigInt(startLine),
    endLine: BigInt(endLine),
    startColumn: BigInt(startColumn),
    endColumn: BigInt(endColumn),
  };
  return {
    level: LEVEL[finding.level],
    message: mask(cut(finding.message, MAX_MESSAGE_LENGTH)),
    rawDetails: mask(cut(finding.details ?? '', MAX_DETAILS_LENGTH)),
    fullyQualifiedName: mask(cut(finding.name ?? '', MAX_MESSAGE_LENGTH)),
    ...(finding.path === undefined ? {} : { fileLocation: place }),
  };
}

async function readFindings(file: FoundFile, format: string): Promise<readonly Finding[]> {
  if (file.size > MAX_REPORT_BYTES) {
    throw new AppError('CONFIG', `report ${shownPath(file.path)} is larger than ${formatSize(MAX_REPORT_BYTES)}`);
  }
  try {
    return (await FORMATS.get(format)?.(await readFile(file.absolute, 'utf8'))) ?? [];
  } catch (error) {
    if (!(error instanceof AppError)) {
      if (errnoOf(error) === undefined) throw error;
      const what = `report ${shownPath(file.path)} cannot be read (${errnoOf(error)})`;
      throw new AppError('CONFIG', what, { cause: error });
    }
    const { hint, cause } = error;
    throw new AppError('CONFIG', `report ${shownPath(file.path)} cannot be read as ${format}: ${error.message}`, {
      hint,
      cause,
    });
  }
}

/**
 * Reads uploaded reports of one format and tells the server what they say. Throws `AppError` (CONFIG) for a report that
 * is not of its format; that the server does not take it is only told in the log.
 */
export async function reportAnnotations(
  files: readonly FoundFile[],
  format: string,
  api: ArtifactsApi,
  context: StepContext,
  signal: AbortSignal,
): Promise<void> {
  const { output, secrets, workingFolder } = context;
  const name = format.toLowerCase();
  if (!FORMATS.has(name)) {
    await output.print(
      `Format "${format}" is not known, so nothing was annotated; known: ${[...FORMATS.keys()].join(', ')}.`,
    );
    return;
  }
  const findings: Finding[] = [];
  let count = 0;
  for (const file of files) {
    const read = await readFindings(file, name);
    count += read.length;
    findings.push(...read.slice(0, MAX_FINDINGS - findings.length));
  }
  if (count === 0) return;
  const resolvePath = pathResolver(await workTreeFiles(context, signal), workingFolder);
  const told = findings.map((finding) => annotationOf(finding, resolvePath, (text) => maskText(text, secrets)));
  try {
    for (let start = 0; start < told.length; start += BATCH) {
      const batch = told.slice(start, start + BATCH);
      await retrying(() => api.annotate(batch, signal), HUB_BACKOFF, context, signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RpcError)) throw error;
    await output.print(`The server did not take the annotations: ${describeError(error)}.`);
    return;
  }
  const left = count - told.length;
  await output.print(`Reported ${told.length} annotations${left > 0 ? `; ${left} more are in the report alone` : ''}.`);
}
