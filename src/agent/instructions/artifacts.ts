import { AppError } from '../../lib/errors.ts';
import { formatSize } from '../../lib/size.ts';
import type { ArtifactsInstruction } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import { reportAnnotations } from '../annotations/report-annotations.ts';
import type { ArtifactName, ArtifactsApi } from '../artifacts/artifacts-api.ts';
import { collectFiles, type FoundFile, shownPath } from '../artifacts/collect-files.ts';
import { uploadByStream } from '../artifacts/upload-by-stream.ts';
import { uploadByUrl } from '../artifacts/upload-by-url.ts';
import type { StepContext, StepOutcome, StepOutput } from './instruction.ts';

/** Files above this are announced, since they take a while (specification of the agent, section 7.8). */
const LARGE_BYTES = 100_000_000;

const isUnimplemented = (error: unknown) => error instanceof RpcError && error.status === 'UNIMPLEMENTED';

async function upload(
  artifact: ArtifactName,
  files: readonly FoundFile[],
  api: ArtifactsApi,
  context: StepContext,
  signal: AbortSignal,
): Promise<readonly FoundFile[]> {
  try {
    return await uploadByUrl(artifact, files, api, context, signal).catch((error: unknown) => {
      if (!isUnimplemented(error)) throw error;
      return uploadByStream(artifact, files, api, context, signal);
    });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof RpcError)) throw error;
    const what = isUnimplemented(error)
      ? 'this server stores no artifacts'
      : `the server refused them: ${error.message}`;
    throw new AppError('UNAVAILABLE', `artifacts "${artifact.name}" were not uploaded: ${what}`, { cause: error });
  }
}

/** Files that a program has removed since they were found, as temporary ones are. */
async function tellGone(files: readonly FoundFile[], sent: readonly FoundFile[], output: StepOutput): Promise<void> {
  const arrived = new Set(sent.map(({ path }) => path));
  const gone = files.filter(({ path }) => !arrived.has(path));
  const [first] = gone;
  if (first === undefined) return;
  const more = gone.length > 1 ? ` and ${gone.length - 1} more` : '';
  await output.print(`Warning: ${shownPath(first.path)}${more} had gone before the upload.`);
}

/** Uploads what the paths match under the name of the instruction, and reads it as a report where a format is given. */
export async function uploadArtifacts(
  name: string,
  { paths, type, format }: ArtifactsInstruction,
  context: StepContext,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const { output, artifacts: api } = context;
  if (paths.length === 0) {
    await output.print('No paths are given, so there is nothing to upload.');
    return { tag: 'completed' };
  }
  const files = await collectFiles(paths, context, signal);
  if (files.length === 0) {
    await output.print(`0 artifacts: nothing matches ${paths.map((path) => JSON.stringify(path)).join(', ')}.`);
    return { tag: 'completed' };
  }
  for (const { path, size } of files) {
    if (size > LARGE_BYTES) await output.print(`${shownPath(path)} has ${formatSize(size)}; this takes a while.`);
  }
  const sent = await upload({ name, type, format }, files, api, context, signal);
  const bytes = sent.reduce((sum, { size }) => sum + size, 0);
  await output.print(`Uploaded ${sent.length} ${sent.length === 1 ? 'artifact' : 'artifacts'} (${formatSize(bytes)}).`);
  await tellGone(files, sent, output);
  if (format !== '') await reportAnnotations(sent, format, api, context, signal);
  return { tag: 'completed' };
}
