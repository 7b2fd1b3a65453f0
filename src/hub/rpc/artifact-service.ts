import { type ArtifactEntry, CirrusCIService } from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { RpcError } from '../../rpc/rpc-error.ts';
import type { MethodHandler } from '../../rpc/server.ts';
import { type Artifacts, checkGroup } from '../blobs/artifacts.ts';
import type { BlobDesk } from '../blobs/blob-desk.ts';
import { type Authenticator, agentMethod, agentUpload } from './authenticate.ts';
import { checkRuns, routeOf } from './cache-service.ts';
import { streamEntries } from './stream-entries.ts';

/** The current agent asks for 100; more than this is no agent. */
const MAX_FILES = 1_000;

interface WireFile {
  readonly path: string;
  readonly sizeInBytes: bigint;
}

function announced(files: readonly WireFile[]) {
  if (files.length > MAX_FILES) throw new RpcError('INVALID_ARGUMENT', `at most ${MAX_FILES} files at a time`);
  return files.map(({ path, sizeInBytes }) => ({ path, bytes: Number(sizeInBytes) }));
}

/** One file of a stream: its pieces until the next path begins, which `after` holds then. */
interface OpenFile {
  readonly path: string;
  after: IteratorResult<ArtifactEntry> | undefined;
}

function chunkOf({ value }: ArtifactEntry) {
  if (value.case !== 'chunk') throw new RpcError('INVALID_ARGUMENT', 'artifacts have one header, at their beginning');
  return value.value;
}

async function* piecesOf(
  file: OpenFile,
  first: Uint8Array,
  entries: AsyncIterator<ArtifactEntry>,
): AsyncGenerator<Uint8Array> {
  yield first;
  for (;;) {
    const next = await entries.next();
    const chunk = next.done === true ? undefined : chunkOf(next.value);
    if (chunk?.artifactPath !== file.path) {
      file.after = next;
      return;
    }
    yield chunk.data;
  }
}

/** Artifacts by address and by stream (wire protocol, section 3.3). */
export function artifactService(artifacts: Artifacts, desk: BlobDesk, auth: Authenticator): MethodHandler[] {
  const methods = CirrusCIService.method;
  return [
    agentMethod(auth, methods.generateArtifactUploadURLs, async (task, { name, files }, { headers }) => {
      checkRuns(task);
      // the agent then sends them by `UploadArtifacts`, which comes by the address that it reaches for certain
      if (routeOf(desk, headers).kind === 'grpc') throw new RpcError('UNIMPLEMENTED', 'send the artifacts by gRPC');
      const urls = await artifacts.promise(task.id, name, announced(files));
      return { urls: urls.map((url) => ({ url })) };
    }),
    agentMethod(auth, methods.commitUploadedArtifacts, async (task, { name, type, format, files }) => {
      checkRuns(task);
      await artifacts.commit(task.id, { name, type, format }, announced(files));
      return {};
    }),
    agentUpload(auth, methods.uploadArtifacts, async (task, messages, { signal }) => {
      checkRuns(task);
      const entries = streamEntries(messages, signal);
      const header = await entries.next();
      const group = header.done === true ? undefined : header.value.value;
      if (group?.case !== 'artifactsUpload')
        throw new RpcError('INVALID_ARGUMENT', 'artifacts begin with their header');
      const { name, type, format } = group.value;
      checkGroup({ name, type, format });
      const files: { path: string; bytes: number }[] = [];
      let next = await entries.next();
      while (next.done !== true) {
        const { artifactPath, data } = chunkOf(next.value);
        if (files.some(({ path }) => path === artifactPath)) {
          throw new RpcError('INVALID_ARGUMENT', `${JSON.stringify(artifactPath)} comes twice`);
        }
        const file: OpenFile = { path: artifactPath, after: undefined };
        const pieces = piecesOf(file, data, entries);
        files.push({ path: artifactPath, bytes: await artifacts.receive(task.id, name, artifactPath, pieces, signal) });
        next = file.after ?? { done: true, value: undefined };
      }
      await artifacts.commit(task.id, { name, type, format }, files);
      return { bytesSaved: BigInt(files.reduce((sum, { bytes }) => sum + bytes, 0)) };
    }),
  ];
}
