import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { Database } from '../store/database.ts';
import { addTail, dropSpool, dropTail, readTail, spool, spooled } from '../store/log-rows.ts';
import { addChunks, type LogName, logState, restartChunks, setLogState } from '../store/logs.ts';
import { freshBytes, type LogCopy, type LogGroup, type LogStorage } from './log-storage.ts';
import type { Segments } from './segments.ts';

/**
 * Logs for several hubs on one database: what comes in is kept in rows, where every hub can read it at once, and moved
 * out as segments into the storage that they share, so that the rows stay few (see `segments.ts`).
 */
export class RowLogs implements LogStorage {
  constructor(
    private readonly store: Database,
    private readonly segments: Segments,
    private readonly clock: Pick<Clock, 'wallMs'>,
  ) {}

  async append(groups: readonly LogGroup[]): Promise<void> {
    const builds = groups.map(({ log }) => log.buildId);
    await this.store.append(builds, async (sql) => {
      for (const { log, pieces } of groups) {
        const state = await logState(sql, log);
        const data = freshBytes(state.size, pieces);
        await addTail(sql, log, state.size, data);
        await addChunks(sql, log, state.size, data.length);
        await setLogState(sql, log, { ...state, size: state.size + data.length }, this.clock.wallMs());
      }
    });
  }

  async read(log: LogName, _generation: number, from: number, to: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let at = from; at < to; ) {
      const part = await this.#readSome(log, at, to);
      if (part.length === 0) break;
      parts.push(part);
      at += part.length;
    }
    return Buffer.concat(parts);
  }

  async #readSome(log: LogName, from: number, to: number): Promise<Uint8Array> {
    const row = await this.store.read((sql) => readTail(sql, log, from));
    if (row.length > 0) return row.subarray(0, to - from);
    return this.segments.read(log, from, to);
  }

  beginCopy(log: LogName): LogCopy {
    const upload = `${this.clock.wallMs()}-${randomToken(8)}`;
    let parts = 0;
    return {
      add: async (data) => {
        await this.store.append([log.buildId], (sql) => spool(sql, upload, parts, data));
        parts += 1;
      },
      commit: () => this.#replace(log, upload),
      discard: () => this.store.append([log.buildId], (sql) => dropSpool(sql, upload)),
    };
  }

  async #replace(log: LogName, upload: string): Promise<void> {
    const dropped = await this.store.append([log.buildId], async (sql) => {
      const { generation } = await logState(sql, log);
      await dropTail(sql, log);
      const names = await this.segments.dropRows(sql, log);
      let size = 0;
      for (let position = 0; ; position += 1) {
        const data = await spooled(sql, upload, position);
        if (data === undefined) break;
        await addTail(sql, log, size, data);
        size += data.length;
      }
      await restartChunks(sql, log, size);
      await setLogState(sql, log, { size, generation: generation + 1 }, this.clock.wallMs());
      await dropSpool(sql, upload);
      return names;
    });
    await this.segments.removeObjects(dropped);
  }

  forget(_tasks: readonly number[], names: readonly string[]): Promise<void> {
    return this.segments.removeObjects(names);
  }

  async close(): Promise<void> {}
}
