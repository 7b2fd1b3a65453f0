import type { Queries } from './database.ts';

/** About what one row of a log that has ended stands for. */
const MERGED_BYTES = 4 * 1024 * 1024;

interface Row {
  readonly seq: number;
  readonly start: number;
  readonly size: number;
  readonly replaces: number;
}

/** A log with many more rows than its size needs. */
export interface ScatteredLog {
  readonly taskId: number;
  readonly instruction: string;
}

/** Logs of builds that ended before that time, whose order is kept in more rows than it needs. */
export async function scatteredLogs(sql: Queries, endedBeforeMs: number, limit: number): Promise<ScatteredLog[]> {
  const rows = await sql<ScatteredLog[]>`
    SELECT c.task_id AS "taskId", c.instruction FROM log_chunks c JOIN builds b ON b.id = c.build_id
    WHERE b.finished_ms < ${endedBeforeMs} GROUP BY c.task_id, c.instruction
    HAVING COUNT(*) > 2 + 2 * (SUM(c.size) / ${MERGED_BYTES}) LIMIT ${limit}`;
  return [...rows];
}

/** Rows that follow each other and together stay within the size of one. */
function groupsOf(rows: readonly Row[]): Row[][] {
  const groups: Row[][] = [];
  let bytes = 0;
  for (const row of rows) {
    const last = groups.at(-1);
    if (last === undefined || bytes + row.size > MERGED_BYTES) {
      groups.push([row]);
      bytes = row.size;
    } else {
      last.push(row);
      bytes += row.size;
    }
  }
  return groups;
}

/**
 * Keeps the order of a log in few rows: a stream that drips for hours leaves thousands. A row takes the last of the
 * sequence numbers that it stands for.
 */
export async function compactChunks(sql: Queries, { taskId, instruction }: ScatteredLog): Promise<void> {
  const rows = await sql<Row[]>`
    SELECT seq, start_byte AS start, size, replaces FROM log_chunks
    WHERE task_id = ${taskId} AND instruction = ${instruction} ORDER BY seq`;
  for (const group of groupsOf(rows)) {
    const [first, last] = [group[0], group.at(-1)];
    if (first === undefined || last === undefined || first === last) continue;
    const size = group.reduce((sum, row) => sum + row.size, 0);
    await sql`
      DELETE FROM log_chunks WHERE task_id = ${taskId} AND instruction = ${instruction}
      AND seq >= ${first.seq} AND seq < ${last.seq}`;
    await sql`
      UPDATE log_chunks SET start_byte = ${first.start}, size = ${size}, replaces = ${first.replaces}
      WHERE seq = ${last.seq}`;
  }
}
