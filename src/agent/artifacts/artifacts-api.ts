import type { MessageInitShape } from '@bufbuild/protobuf';
import type { RpcClient, Upload } from '../../rpc/client.ts';
import {
  type AnnotationSchema,
  type ArtifactEntrySchema,
  CirrusCIService,
  type UploadArtifactsResponseSchema,
} from '../../rpc/gen/cirrus_ci_service_pb.ts';
import { type TaskIdentity, taskCall } from '../task-api.ts';

export type Annotation = MessageInitShape<typeof AnnotationSchema>;
export type ArtifactStream = Upload<typeof ArtifactEntrySchema, typeof UploadArtifactsResponseSchema>;

/** What the files of one instruction are called and are for. */
export interface ArtifactName {
  readonly name: string;
  readonly type: string;
  readonly format: string;
}

/** A file as the server knows it: relative to the working folder with forward slashes, and its size in bytes. */
export interface ArtifactFile {
  readonly path: string;
  readonly size: number;
}

/** Where one file goes by HTTP PUT. */
export interface UploadAddress {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The calls about artifacts. Each rejects with an `RpcError`; none is repeated here. */
export interface ArtifactsApi {
  /** Addresses in the order of `files`. UNIMPLEMENTED where the server takes streams only. */
  uploadAddresses(name: string, files: readonly ArtifactFile[], signal: AbortSignal): Promise<readonly UploadAddress[]>;
  commit(artifact: ArtifactName, files: readonly ArtifactFile[], signal: AbortSignal): Promise<void>;
  /** Opens the stream of the other way and names the artifact. */
  openStream(artifact: ArtifactName, signal: AbortSignal): Promise<ArtifactStream>;
  annotate(annotations: readonly Annotation[], signal: AbortSignal): Promise<void>;
}

const infos = (files: readonly ArtifactFile[]) => files.map(({ path, size }) => ({ path, sizeInBytes: BigInt(size) }));

export function createArtifactsApi(client: RpcClient, identity: TaskIdentity): ArtifactsApi {
  const { call, named } = taskCall(identity);
  const { method } = CirrusCIService;
  return {
    async uploadAddresses(name, files, signal) {
      const request = { ...named, name, files: infos(files) };
      const { urls } = await client.unary(method.generateArtifactUploadURLs, request, call, signal);
      return urls;
    },
    async commit(artifact, files, signal) {
      await client.unary(method.commitUploadedArtifacts, { ...named, ...artifact, files: infos(files) }, call, signal);
    },
    async openStream(artifact, signal) {
      const stream = client.upload(method.uploadArtifacts, call.headers, signal);
      await stream.write({ value: { case: 'artifactsUpload', value: { ...named, ...artifact } } });
      return stream;
    },
    async annotate(annotations, signal) {
      await client.unary(method.reportAnnotations, { ...named, annotations: [...annotations] }, call, signal);
    },
  };
}
