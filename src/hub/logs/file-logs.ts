import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { Database } from '../store/database.ts';
import { explainFault } from '../store/database-error.ts';
import { BACKUP_LEASE, isLeased } from '../store/hubs.ts';
import { dropTail, logsWithTail, readTail } from '../store/log-rows.ts';
import { addChunks, type LogName, type LogState, logState, restartChunks, setLogState } from '../store/logs.ts';
import { LogFiles } from './log-files.ts';
import { freshBytes, type LogCopy, type LogGroup, type LogStorage } from './log-storage.ts';

/** What this process knows of a log that it has written to. */
interface OpenLog {
  readonly state: LogState;
  /** Of its instruction in the task: file names must not hold what people write. */
  readonly position: number;
}

/** Logs whose size is remembered between two writes. */
const MAX_REMEMBERED = 1_000;

const PART = '.part';

const keyOf = ({ taskId, instruction }: LogName) => `${taskId} ${instruction}`;

/**
 * Logs in files that only grow, one for each instruction, for a hub that is alone on its database. Bytes are on the disk
 * before the transaction that records them, so what lies behind the recorded size was never acknowledged, means nothing,
 * and is written over.
 */
export class FileLogs implements LogStorage {
  readonly #known = new Map<string, OpenLog>();
  readonly #files: LogFiles;

  private constructor(
    private readonly store: Database,
    private readonly folder: string,
    private readonly clock: Pick<Clock, 'wallMs'>,
  ) {
    this.#files = new LogFiles(folder);
  }

  /** Takes over what is there, and moves what an older pwagent kept in rows into files. */
  static async open(store: Database, folder: string, clock: Pick<Clock, 'wallMs'>): Promise<FileLogs> {
    const logs = new FileLogs(store, folder, clock);
    await logs.#adoptRows();
    return logs;
  }

  async #adoptRows(): Promise<void> {
    for (;;) {
      const [log] = await this.store.read((sql) => logsWithTail(sql, 0, 1));
      if (log === undefined) return;
      const { state, position } = await this.#lookUp(log);
      const path = this.#files.pathOf(log.taskId, position, state.generation);
      for (let at = 0; at < state.size; ) {
        const data = await this.store.read((sql) => readTail(sql, log, at));
        if (data.length === 0) break;
        await this.#files.write(path, at, data);
        at += data.length;
      }
      await this.store.write((sql) => dropTail(sql, log));
    }
  }

  async #lookUp(log: LogName): Promise<OpenLog> {
    const known = this.#known.get(keyOf(log));
    if (known !== undefined) return known;
    const { taskId, instruction } = log;
    return this.store.read(async (sql) => {
      const [row] = await sql<{ position: number | null }[]>`
        SELECT MIN(position) AS position FROM instructions WHERE task_id = ${taskId} AND name = ${instruction}`;
      return { state: await logState(sql, log), position: row?.position ?? 0 };
    });
  }

  #remember(log: LogName, open: OpenLog): void {
    this.#known.delete(keyOf(log));
    this.#known.set(keyOf(log), open);
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_REMEMBERED && oldest !== undefined) this.#known.delete(oldest);
  }

  async append(groups: readonly LogGroup[]): Promise<void> {
    const writes = await Promise.all(
      groups.map(async ({ log, pieces }) => {
        const open = await this.#lookUp(log);
        return { log, open, data: freshBytes(open.state.size, pieces) };
      }),
    );
    try {
      await Promise.all(
        writes.map(({ log, open: { state, position }, data }) =>
          data.length === 0
            ? undefined
            : this.#files.write(this.#files.pathOf(log.taskId, position, state.generation), state.size, data),
        ),
      );
      const nowMs = this.clock.wallMs();
      await this.store.write(async (sql) => {
        for (const { log, open, data } of writes) {
          await addChunks(sql, log, open.state.size, data.length);
          await setLogState(sql, log, { ...open.state, size: open.state.size + data.length }, nowMs);
        }
      });
    } catch (error) {
      for (const { log } of writes) this.#known.delete(keyOf(log)); // what is stored now is asked anew
      throw explainFault(error, `folder ${this.folder}`);
    }
    for (const { log, open, data } of writes) {
      this.#remember(log, { ...open, state: { ...open.state, size: open.state.size + data.length } });
    }
    await this.#files.trim();
  }

  async read(log: LogName, generation: number, from: number, to: number): Promise<Uint8Array> {
    const { position } = await this.#lookUp(log);
    return this.#files.read(this.#files.pathOf(log.taskId, position, generation), from, to);
  }

  beginCopy(log: LogName): LogCopy {
    const path = this.#files.path(log.taskId, `${randomToken(8)}${PART}`);
    let size = 0;
    return {
      add: async (data) => {
        try {
          await this.#files.write(path, size, data);
        } catch (error) {
          throw explainFault(error, `folder ${this.folder}`);
        }
        size += data.length;
      },
      commit: () => this.#replace(log, path, size),
      discard: () => this.#files.remove(path),
    };
  }

  async #replace(log: LogName, path: string, size: number): Promise<void> {
    const open = await this.#lookUp(log);
    const state = { size, generation: open.state.generation + 1 };
    const name = (generation: number) => this.#files.pathOf(log.taskId, open.position, generation);
    if (size === 0) await this.#files.write(path, 0, new Uint8Array());
    await this.#files.rename(path, name(state.generation));
    this.#known.delete(keyOf(log));
    await this.store.write(async (sql) => {
      await restartChunks(sql, log, size);
      await setLogState(sql, log, state, this.clock.wallMs());
    });
    // a backup may be about to copy it; then it is left over, and removed with what else is
    const kept = await this.store.read((sql) => isLeased(sql, BACKUP_LEASE, this.clock.wallMs()));
    if (!kept) await this.#files.remove(name(open.state.generation));
  }

  async forget(tasks: readonly number[]): Promise<void> {
    for (const taskId of tasks) {
      for (const key of this.#known.keys()) if (key.startsWith(`${taskId} `)) this.#known.delete(key);
      await this.#files.removeTask(taskId);
    }
  }

  close(): Promise<void> {
    return this.#files.trim(0);
  }
}
