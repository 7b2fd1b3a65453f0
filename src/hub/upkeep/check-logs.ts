import type { LogFileView } from '../logs/log-files.ts';
import type { ObjectStore } from '../logs/object-store.ts';
import type { Queries } from '../store/database.ts';
import type { Finding } from './findings.ts';

/** A log as it is recorded. */
interface LogRow {
  readonly taskId: number;
  readonly instruction: string;
  readonly size: number;
  readonly generation: number;
  readonly position: number | null;
}

const subjectOf = ({ taskId, instruction }: Pick<LogRow, 'taskId' | 'instruction'>) =>
  `log "${instruction}" of task ${taskId}`;

/** The order in which logs came must cover each of them exactly. */
export async function checkChunks(sql: Queries): Promise<Finding[]> {
  const rows = await sql<(LogRow & { total: number; first: number; last: number })[]>`
    SELECT c.task_id AS "taskId", c.instruction, COALESCE(l.size, -1) AS size, SUM(c.size) AS total,
      MIN(c.start_byte) AS first, MAX(c.start_byte + c.size) AS last
    FROM log_chunks c LEFT JOIN logs l ON l.task_id = c.task_id AND l.instruction = c.instruction
    GROUP BY c.task_id, c.instruction, l.size
    HAVING COALESCE(l.size, -1) <> SUM(c.size) OR MIN(c.start_byte) <> 0 OR MAX(c.start_byte + c.size) <> SUM(c.size)
    LIMIT 100`;
  return rows.map((row) => ({
    kind: 'log-order',
    subject: subjectOf(row),
    detail: `its ${row.size} bytes are listed as ${row.total} from ${row.first} to ${row.last}`,
  }));
}

async function* allLogs(sql: Queries): AsyncGenerator<LogRow> {
  for (let [task, instruction] = [0, '']; ; ) {
    const rows = await sql<LogRow[]>`
      SELECT l.task_id AS "taskId", l.instruction, l.size, l.generation, (
        SELECT MIN(i.position) FROM instructions i WHERE i.task_id = l.task_id AND i.name = l.instruction) AS position
      FROM logs l WHERE l.task_id > ${task} OR (l.task_id = ${task} AND l.instruction > ${instruction})
      ORDER BY l.task_id, l.instruction LIMIT 500`;
    yield* rows;
    const end = rows.at(-1);
    if (end === undefined) return;
    [task, instruction] = [end.taskId, end.instruction];
  }
}

/** Every log must have a file with at least its bytes; other files are left over. */
export async function checkLogFiles(sql: Queries, files: LogFileView) {
  const problems: Finding[] = [];
  const expected = new Set<string>();
  for await (const log of allLogs(sql)) {
    const path = files.pathOf(log.taskId, log.position ?? 0, log.generation);
    expected.add(path);
    const size = (await files.sizeOf(path)) ?? (log.size === 0 ? 0 : undefined);
    if (size === undefined)
      problems.push({ kind: 'log-missing', subject: subjectOf(log), detail: `${path} is not there` });
    else if (size < log.size) {
      const detail = `${path} has ${size} of ${log.size} bytes`;
      problems.push({ kind: 'log-short', subject: subjectOf(log), detail });
    }
  }
  const leftovers: Finding[] = [];
  for await (const path of files.all()) {
    if (!expected.has(path)) leftovers.push({ kind: 'log-file', subject: path, detail: 'no log has this file' });
  }
  return { problems, leftovers };
}

/** What rows and segments hold of a log must be all of it, and the objects must be there. */
export async function checkLogRows(sql: Queries, objects: ObjectStore): Promise<Finding[]> {
  const problems: Finding[] = [];
  const rows = await sql<(LogRow & { held: number })[]>`
    SELECT l.task_id AS "taskId", l.instruction, l.size, COALESCE(
      (SELECT SUM(r.size) FROM log_tail r WHERE r.task_id = l.task_id AND r.instruction = l.instruction), 0) + COALESCE(
      (SELECT SUM(s.size) FROM log_segments s WHERE s.task_id = l.task_id AND s.instruction = l.instruction), 0) AS held
    FROM logs l`;
  for (const row of rows) {
    if (row.held === row.size) continue;
    problems.push({ kind: 'log-short', subject: subjectOf(row), detail: `${row.held} of ${row.size} bytes are there` });
  }
  const segments = await sql<{ name: string; size: number }[]>`SELECT name, size FROM log_segments`;
  for (const { name, size } of segments) {
    const last = await objects.read(name, size - 1, size);
    if (last.length !== 1)
      problems.push({ kind: 'log-missing', subject: name, detail: `it lacks some of its ${size} bytes` });
  }
  return problems;
}
