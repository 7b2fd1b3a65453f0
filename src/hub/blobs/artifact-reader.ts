import type { AgentReportView } from '../agent-report-model.ts';
import { agentLogOf, agentReportOf } from '../store/agent-reports.ts';
import { type ArtifactRecord, findArtifact, listArtifactRecords } from '../store/artifacts.ts';
import { rfc3339 } from '../views.ts';
import { downloadName } from './artifact-path.ts';
import type { BlobDesk } from './blob-desk.ts';

/** A file that a task left, as told to people. */
export interface ArtifactView {
  readonly name: string;
  readonly path: string;
  readonly type: string;
  readonly format: string;
  readonly sizeBytes: number;
  /** SHA-256 where the hub took the content in itself, else what the store tells content apart by. */
  readonly digest: string;
  readonly createdAt: string;
  /** Path of a download that needs no token, and expires in a few minutes. */
  readonly downloadPath: string;
}

/** Artifacts for the interface and the page. */
export class ArtifactReader {
  constructor(readonly desk: BlobDesk) {}

  async #view(artifact: ArtifactRecord): Promise<ArtifactView> {
    const { name, path, type, format, size: sizeBytes, digest, object, createdMs } = artifact;
    const downloadPath = await this.desk.linkPath(object, downloadName(path));
    return { name, path, type, format, sizeBytes, digest, createdAt: rfc3339(createdMs), downloadPath };
  }

  /** By name and path; `after` is the last one of the list before. */
  async list(taskId: number, limit: number, after?: Pick<ArtifactView, 'name' | 'path'>): Promise<ArtifactView[]> {
    const records = await this.desk.deps.store.read((sql) => listArtifactRecords(sql, taskId, limit, after));
    return Promise.all(records.map((record) => this.#view(record)));
  }

  /** What the agent told beside its logs and instructions. */
  report(taskId: number): Promise<AgentReportView> {
    return this.desk.deps.store.read((sql) => agentReportOf(sql, taskId));
  }

  /** The end of the agent's own log, if it sent one. */
  agentLog(taskId: number): Promise<Uint8Array | undefined> {
    return this.desk.deps.store.read((sql) => agentLogOf(sql, taskId));
  }

  async find(taskId: number, name: string, path: string): Promise<ArtifactView | undefined> {
    const record = await this.desk.deps.store.read((sql) => findArtifact(sql, taskId, name, path));
    return record === undefined ? undefined : this.#view(record);
  }
}
