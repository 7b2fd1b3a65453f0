import { RpcError } from '../../rpc/rpc-error.ts';
import { type ArtifactRecord, artifactTotals, findArtifact, putArtifact } from '../store/artifacts.ts';
import type { Queries } from '../store/database.ts';
import { artifactUploads } from '../store/upload-lists.ts';
import {
  artifactUploadBytes,
  countUploads,
  dropUpload,
  markStored,
  replaceArtifactUpload,
  type UploadRecord,
} from '../store/uploads.ts';
import { artifactNameProblem, artifactPathProblem } from './artifact-path.ts';
import { ADDRESS_MS, type BlobDesk } from './blob-desk.ts';

/** A file as an agent announces it. */
export interface AnnouncedFile {
  readonly path: string;
  readonly bytes: number;
}

/** What the instruction says of its artifacts. */
export interface ArtifactGroup {
  readonly name: string;
  readonly type: string;
  readonly format: string;
}

const MAX_KIND = 200;

function refuse(what: string, problem: string | undefined): void {
  // the words come from a foreign machine: quoted as JSON, so that nothing in them steers a terminal
  if (problem !== undefined) throw new RpcError('INVALID_ARGUMENT', `${what} ${problem}`);
}

/** Throws `RpcError` (INVALID_ARGUMENT) for a group or file that cannot be an artifact. */
export function checkGroup({ name, type = '', format = '' }: Partial<ArtifactGroup> & { name: string }): void {
  refuse(`the name ${JSON.stringify(name.slice(0, 100))}`, artifactNameProblem(name));
  if (type.length > MAX_KIND || format.length > MAX_KIND) refuse('type or format', 'is too long');
}

export function checkPath(path: string): void {
  refuse(`the path ${JSON.stringify(path.slice(0, 200))} of an artifact`, artifactPathProblem(path));
}

/** Files that tasks leave: promises, content, and the commit that makes them seen. */
export class Artifacts {
  constructor(private readonly desk: BlobDesk) {}

  get #deps() {
    return this.desk.deps;
  }

  #checkFiles(files: readonly AnnouncedFile[]): void {
    const seen = new Set<string>();
    for (const { path, bytes } of files) {
      checkPath(path);
      if (seen.has(path)) refuse(`the path ${JSON.stringify(path)}`, 'is named twice');
      seen.add(path);
      if (!(bytes >= 0)) refuse(`the size of ${JSON.stringify(path)}`, 'is no size');
      if (bytes <= this.#deps.limits.artifactBytes) continue;
      throw new RpcError('INVALID_ARGUMENT', `${JSON.stringify(path)} is larger than an artifact may be`);
    }
  }

  /**
   * The bytes that are left of the task's share for these files, whatever was there under their names not counted. Throws
   * `RpcError` (FAILED_PRECONDITION) when there are too many files.
   */
  async #room(sql: Queries, taskId: number, name: string, paths: readonly string[]): Promise<number> {
    const { limits } = this.#deps;
    const now = await artifactTotals(sql, taskId, { name, paths });
    const open = await countUploads(sql, taskId);
    if (now.files + paths.length > limits.taskArtifactFiles || open + paths.length > limits.openUploads) {
      throw new RpcError('FAILED_PRECONDITION', `a task may have ${limits.taskArtifactFiles} artifacts`);
    }
    return limits.taskArtifactBytes - now.bytes - (await artifactUploadBytes(sql, taskId, { name, paths }));
  }

  /** Promises room for files; returns an address for each, in their order. */
  async promise(taskId: number, name: string, files: readonly AnnouncedFile[]): Promise<string[]> {
    checkGroup({ name });
    this.#checkFiles(files);
    if (files.length === 0) return [];
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const named = files.map((file) => ({ ...file, object: this.desk.newName() }));
    const promised = { kind: 'artifact', taskId, scope: name, remoteId: null, expiresMs: this.desk.expiresMs } as const;
    await this.#deps.store.write(async (sql) => {
      const paths = files.map(({ path }) => path);
      if (bytes > (await this.#room(sql, taskId, name, paths))) {
        throw new RpcError('FAILED_PRECONDITION', 'the artifacts of the task are too large, all together');
      }
      for (const { object, path, bytes: maxSize } of named) {
        const upload = { ...promised, object, name: path, maxSize };
        await replaceArtifactUpload(sql, upload, promised.expiresMs);
      }
    });
    return Promise.all(named.map(({ object, bytes: size }) => this.desk.putAddress(object, size, true)));
  }

  /** Direct uploads are only known to the store; what the hub took in itself is in the row. */
  async #stored(upload: UploadRecord): Promise<{ size: number; digest: string } | undefined> {
    if (upload.storedSize !== null) return { size: upload.storedSize, digest: upload.digest ?? '' };
    const found = this.#deps.blobs.direct === undefined ? undefined : await this.#deps.blobs.stat(upload.object);
    return found?.size === upload.maxSize ? { size: found.size, digest: found.digest ?? '' } : undefined;
  }

  /** Makes files seen whose content has come. All or none; a repetition of what was done is no error. */
  async commit(taskId: number, group: ArtifactGroup, files: readonly AnnouncedFile[]): Promise<void> {
    checkGroup(group);
    this.#checkFiles(files);
    const { store, clock } = this.#deps;
    const uploads = await store.read((sql) => artifactUploads(sql, taskId, group.name));
    const ready = new Map<string, { object: string; size: number; digest: string }>();
    for (const { path } of files) {
      const upload = uploads.get(path);
      const stored = upload === undefined ? undefined : await this.#stored(upload);
      if (upload !== undefined && stored !== undefined) ready.set(path, { object: upload.object, ...stored });
    }
    const nowMs = clock.wallMs();
    await store.write(async (sql) => {
      for (const { path, bytes } of files) {
        const content = ready.get(path);
        if (content === undefined) {
          if ((await findArtifact(sql, taskId, group.name, path))?.size === bytes) continue; // a repeated commit
          throw new RpcError('FAILED_PRECONDITION', `the content of ${JSON.stringify(path)} has not come`);
        }
        await this.#put(sql, { taskId, ...group, path, ...content, createdMs: nowMs });
      }
    });
  }

  async #put(sql: Queries, artifact: ArtifactRecord): Promise<void> {
    await dropUpload(sql, artifact.object);
    await putArtifact(sql, artifact, artifact.createdMs + ADDRESS_MS);
  }

  /** Keeps the content of one file that comes through the hub, unseen until `commit`. Returns its size. */
  async receive(
    taskId: number,
    name: string,
    path: string,
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<number> {
    checkGroup({ name });
    checkPath(path);
    const { store, limits } = this.#deps;
    const object = this.desk.newName();
    const expiresMs = this.desk.expiresMs;
    const promised = { object, kind: 'artifact', taskId, scope: name, name: path, remoteId: null, expiresMs } as const;
    const maxSize = await store.write(async (sql) => {
      const room = await this.#room(sql, taskId, name, [path]);
      const most = Math.max(0, Math.min(room, limits.artifactBytes));
      await replaceArtifactUpload(sql, { ...promised, maxSize: most }, expiresMs);
      return most;
    });
    const stored = await this.desk.receive(object, body, maxSize, signal);
    await store.write((sql) => markStored(sql, object, stored.size, stored.digest));
    return stored.size;
  }
}
