import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import { randomToken } from '../../platform/random.ts';
import type { Database, Queries } from '../store/database.ts';
import { dropTail, logsWithTail, readTail, tailRows } from '../store/log-rows.ts';
import type { LogName } from '../store/logs.ts';
import type { ObjectStore } from './object-store.ts';

/** A log whose rows hold so much has them moved out, open or not. */
const SEGMENT_BYTES = 8 * 1024 * 1024;

/** The rows of a log to which nothing was added for so long are moved out, however few they are. */
const QUIET_MS = 60_000;

const MOVE_EVERY_MS = 5_000;

/** Logs that are looked at in one round. */
const LOGS_PER_ROUND = 200;

/**
 * The parts of logs that have been moved out of the database: objects of about 8 MiB in the storage that all hubs share.
 * Any hub may move: an object is written first and counts from the transaction on that records it and drops its rows;
 * where two hubs move the same rows, the later one finds them gone and removes its own object again.
 */
export class Segments {
  constructor(
    private readonly store: Database,
    private readonly objects: ObjectStore,
    private readonly clock: Clock,
    private readonly log: Logger,
  ) {}

  /** Moves from time to time until `signal` aborts; then resolves. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.clock.sleep(MOVE_EVERY_MS, signal);
        await this.moveOut();
      } catch (error) {
        if (!signal.aborted) this.log.error('logs could not be moved out of the database', { error: String(error) });
      }
    }
  }

  /** Moves out what is ripe: long tails, and quiet ones. Resolves with the number of segments. */
  async moveOut(): Promise<number> {
    const before = this.clock.wallMs() - QUIET_MS;
    const ripe = await this.store.read(async (sql) => {
      const quiet = await sql<LogName[]>`
        SELECT t.build_id AS "buildId", l.task_id AS "taskId", l.instruction FROM logs l JOIN tasks t ON t.id = l.task_id
        WHERE l.changed_ms < ${before} AND EXISTS (
          SELECT 1 FROM log_tail r WHERE r.task_id = l.task_id AND r.instruction = l.instruction) LIMIT ${LOGS_PER_ROUND}`;
      return [...quiet, ...(await logsWithTail(sql, SEGMENT_BYTES, LOGS_PER_ROUND))];
    });
    let moved = 0;
    for (const name of ripe) moved += await this.#moveLog(name);
    return moved;
  }

  async #moveLog(log: LogName): Promise<number> {
    let moved = 0;
    for (;;) {
      const rows = await this.store.read((sql) => tailRows(sql, log));
      const [first] = rows;
      if (first === undefined) return moved;
      const parts: Uint8Array[] = [];
      let size = 0;
      for (const row of rows) {
        if (size >= SEGMENT_BYTES) break;
        const data = await this.store.read((sql) => readTail(sql, log, row.startByte));
        if (data.length !== row.size) return moved; // replaced or moved meanwhile
        parts.push(data);
        size += row.size;
      }
      const name = `logs/${String(log.taskId % 1000).padStart(3, '0')}/${log.taskId}/${first.startByte}-${randomToken(8)}`;
      await this.objects.put(name, Buffer.concat(parts));
      if (!(await this.#record(log, first.startByte, size, name))) return moved;
      moved += 1;
    }
  }

  /** False when the rows are no longer those that were moved. */
  async #record(log: LogName, startByte: number, size: number, name: string): Promise<boolean> {
    const recorded = await this.store.append([log.buildId], async (sql) => {
      const rows = (await tailRows(sql, log, startByte)).filter((row) => row.startByte < startByte + size);
      const total = rows.reduce((sum, row) => sum + row.size, 0);
      if (rows[0]?.startByte !== startByte || total !== size) return false;
      await sql`
        INSERT INTO log_segments (task_id, instruction, start_byte, size, name)
        VALUES (${log.taskId}, ${log.instruction}, ${startByte}, ${size}, ${name})`;
      await dropTail(sql, log, startByte + size);
      return true;
    });
    if (!recorded) await this.objects.remove([name]);
    return recorded;
  }

  /** Bytes of a range out of the segment that has its beginning; none where no segment has it. */
  async read({ taskId, instruction }: LogName, from: number, to: number): Promise<Uint8Array> {
    const [segment] = await this.store.read(
      (sql) => sql<{ start: number; size: number; name: string }[]>`
        SELECT start_byte AS start, size, name FROM log_segments WHERE task_id = ${taskId}
        AND instruction = ${instruction} AND start_byte <= ${from} AND start_byte + size > ${from} LIMIT 1`,
    );
    if (segment === undefined) return new Uint8Array();
    const { start, size, name } = segment;
    return this.objects.read(name, from - start, Math.min(size, to - start));
  }

  /** Forgets the segments of a log. Resolves with the names of objects to remove once the transaction is through. */
  async dropRows(sql: Queries, { taskId, instruction }: LogName): Promise<string[]> {
    const rows = await sql<{ name: string }[]>`
      DELETE FROM log_segments WHERE task_id = ${taskId} AND instruction = ${instruction} RETURNING name`;
    return rows.map(({ name }) => name);
  }

  removeObjects(names: readonly string[]): Promise<void> {
    return this.objects.remove(names);
  }
}
